import calendarModule from 'korean-lunar-calendar';
import { calculateFourPillars } from 'manseryeok';

const KoreanLunarCalendar = 'default' in calendarModule ? calendarModule.default : calendarModule;

export interface SolarDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

export interface Pillars {
  readonly year: string;
  readonly month: string;
  readonly day: string;
  readonly hour: string | null;
}

/**
 * Pillars and calendar conversions from well-kept libraries, each called once a date: the day's three pillars by date,
 * the hour's by day pillar and hour.
 */
export class Almanac {
  private readonly days = new Map<number, Pillars>();
  private readonly hours = new Map<string, string>();
  private readonly calendar = new KoreanLunarCalendar();

  pillars(date: SolarDate, hour: number | null): Pillars {
    const day = this.day(date);
    return hour === null ? day : { ...day, hour: this.hour(date, day.day, hour) };
  }

  /** The solar date of a Korean lunar one; undefined when there is no such date. */
  solarOf(date: SolarDate, leap: boolean): SolarDate | undefined {
    if (!this.calendar.setLunarDate(date.year, date.month, date.day, leap)) return undefined;
    const lunar = this.calendar.getLunarCalendar();
    const solar = this.calendar.getSolarCalendar();
    return lunar.day === date.day && (lunar.intercalation ?? false) === leap ? solar : undefined;
  }

  lunarOf(date: SolarDate): (SolarDate & { leap: boolean }) | undefined {
    if (!this.calendar.setSolarDate(date.year, date.month, date.day)) return undefined;
    const { year, month, day, intercalation } = this.calendar.getLunarCalendar();
    return { year, month, day, leap: intercalation ?? false };
  }

  private day(date: SolarDate): Pillars {
    const key = date.year * 400 + date.month * 32 + date.day;
    const known = this.days.get(key);
    if (known !== undefined) return known;
    const chart = calculateFourPillars({ ...date, hour: 12, minute: 0, dayBoundary: 'splitJasi' });
    const found = { year: chart.yearString, month: chart.monthString, day: chart.dayString, hour: null };
    this.days.set(key, found);
    return found;
  }

  private hour(date: SolarDate, dayPillar: string, hour: number): string {
    const key = `${dayPillar.slice(0, 1)}${hour}`;
    const known = this.hours.get(key);
    if (known !== undefined) return known;
    const { hourString } = calculateFourPillars({ ...date, hour, minute: 0, dayBoundary: 'splitJasi' });
    this.hours.set(key, hourString);
    return hourString;
  }
}
