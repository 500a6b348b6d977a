import type { SajuRow } from './saju-row.js';

/** One way in which a row of an old table differs from a clean one. Each breaks exactly one rule, or none. */
export interface Variant {
  readonly name: string;
  readonly spoil: (row: SajuRow) => void;
}

/** What a migration must reject, by the reason it must give. */
export const rejectVariants: readonly (Variant & { readonly reason: string })[] = [
  ...rejects('user_id_empty', {
    'no characters': (row) => {
      row.user_id = '';
    },
    spaces: (row) => {
      row.user_id = '   ';
    },
    'tab and line feed': (row) => {
      row.user_id = '\t\n';
    },
    'ideographic space': (row) => {
      row.user_id = '\u3000';
    },
    'no-break space': (row) => {
      row.user_id = '\u00a0 \u00a0';
    },
    'next line': (row) => {
      row.user_id = '\u0085';
    },
  }),
  ...rejects('calendar_missing', {
    'is_solar is null': (row) => {
      row.is_solar = null;
    },
  }),
  ...rejects('date_invalid', {
    'year is null': (row) => {
      row.birth_year = null;
    },
    'month is null': (row) => {
      row.birth_month = null;
    },
    'day is null': (row) => {
      row.birth_day = null;
    },
    '30 February, solar': (row) => {
      solar(row, row.birth_year ?? 1990, 2, 30);
    },
    '29 February of a common year': (row) => {
      solar(row, 1900, 2, 29);
    },
    '31 April': (row) => {
      solar(row, row.birth_year ?? 1990, 4, 31);
    },
    'month 0': (row) => {
      solar(row, 1990, 0, 10);
    },
    'month 13': (row) => {
      solar(row, 1990, 13, 10);
    },
    'day 0': (row) => {
      solar(row, 1990, 5, 0);
    },
    'negative day': (row) => {
      solar(row, 1990, 5, -3);
    },
    'year 0': (row) => {
      solar(row, 0, 5, 5);
    },
    'year 10000': (row) => {
      solar(row, 10_000, 5, 5);
    },
    'lunar leap month of another year': (row) => {
      lunar(row, 1990, 4, 10, true);
    },
    'lunar leap month that China has and Korea has not': (row) => {
      lunar(row, 2012, 4, 10, true);
    },
    'lunar day 30 of a month of 29': (row) => {
      lunar(row, 2024, 1, 30, false);
    },
    'lunar day 31': (row) => {
      lunar(row, 1800, 3, 31, false);
    },
    'lunar month 13': (row) => {
      lunar(row, 1990, 13, 10, false);
    },
  }),
  ...rejects('hour_invalid', {
    'hour 24': (row) => {
      row.birth_hour = 24;
    },
    'negative hour': (row) => {
      row.birth_hour = -1;
    },
    'hour 99': (row) => {
      row.birth_hour = 99;
    },
    'minute 60': (row) => {
      row.birth_minute = 60;
    },
    'negative minute': (row) => {
      row.birth_minute = -1;
    },
  }),
  ...rejects('pillar_invalid', {
    'year pillar is null': (row) => {
      row.year_pillar = null;
    },
    'month pillar is empty': (row) => {
      row.month_pillar = '';
    },
    'day pillar in hanja': (row) => {
      row.day_pillar = '甲子';
    },
    'stem and branch that never meet': (row) => {
      row.year_pillar = '갑축';
    },
    'trailing space': (row) => {
      row.month_pillar = `${row.month_pillar} `;
    },
    'decomposed hangul': (row) => {
      row.day_pillar = (row.day_pillar ?? '').normalize('NFD');
    },
    latin: (row) => {
      row.year_pillar = 'gapja';
    },
    'hour pillar is garbage': (row) => {
      row.birth_hour = 3;
      row.hour_pillar = '??';
    },
    'hour pillar is empty': (row) => {
      row.birth_hour = 3;
      row.hour_pillar = '';
    },
    'hour pillar without an hour': (row) => {
      row.birth_hour = null;
      row.hour_pillar = '갑자';
    },
  }),
  ...rejects('timestamp_invalid', {
    'created_at is null': (row) => {
      row.created_at = null;
    },
    'created_at is infinity': (row) => {
      row.created_at = 'infinity';
    },
    'created_at is -infinity': (row) => {
      row.created_at = '-infinity';
    },
    'updated_at is infinity': (row) => {
      row.updated_at = 'infinity';
    },
    'created_at in year 10000': (row) => {
      row.created_at = '10000-01-01 00:00:00+00';
    },
    'updated_at in year 20000': (row) => {
      row.updated_at = '20000-06-01 00:00:00+00';
    },
    'created_at before Christ': (row) => {
      row.created_at = '0044-03-15 12:00:00+00 BC';
    },
  }),
];

/** What a migration must carry byte for byte, however odd it looks. */
export const harmlessVariants: readonly Variant[] = named({
  'hour unknown': (row) => {
    row.birth_hour = null;
    row.hour_pillar = null;
  },
  'hour known, hour pillar not': (row) => {
    row.birth_hour = 7;
    row.hour_pillar = null;
  },
  'minute is null': (row) => {
    row.birth_minute = null;
  },
  'leap flag is null': (row) => {
    row.is_leap_month = null;
  },
  'solar date with a leap flag': (row) => {
    solar(row, 1990, 5, 15);
    row.is_leap_month = true;
  },
  'convention with nested odd values': (row) => {
    row.convention = '{"clock": "lmt", "longitude": 126.9780, "x": [null, 1e3, "\\u0041\\\\"], "빈": ""}';
  },
  'convention is a bare string': (row) => {
    row.convention = '"wall"';
  },
  'convention is JSON null': (row) => {
    row.convention = 'null';
  },
  'control characters': (row) => {
    row.interpretation = 'a\u0001b\u0007c\u0008d\u000be\u000cf\u001bg\u007fh';
  },
  'the six characters \\u0000': (row) => {
    row.interpretation = 'a\\u0000b';
  },
  backslashes: (row) => {
    row.interpretation = '\\ \\\\ \\t \\n C:\\saju\\';
  },
  'tabs and line ends': (row) => {
    row.interpretation = 'a\tb\nc\r\nd\re\n';
  },
  'text that looks like COPY': (row) => {
    row.interpretation = '\\N';
    row.user_id = '\\.';
  },
  'quotes and commas': (row) => {
    row.interpretation = `"a",'b';--{}$$`;
  },
  emoji: (row) => {
    row.interpretation = '🔮👨‍👩‍👧‍👦🇰🇷 대길';
  },
  'composed hangul': (row) => {
    row.user_id = '사용자-각'.normalize('NFC');
  },
  'decomposed hangul': (row) => {
    row.user_id = '사용자-각'.normalize('NFD');
  },
  'old hangul': (row) => {
    row.interpretation = '\u1112\u119e\u11ab\u1100\u1173\u11af \u113f\u119e';
  },
  'hundred thousand bytes': (row) => {
    row.interpretation = '길흉화복은 하늘에 달렸다. '.repeat(2800);
  },
  'empty interpretation': (row) => {
    row.interpretation = '';
  },
  'no interpretation': (row) => {
    row.interpretation = null;
  },
  'trailing spaces': (row) => {
    row.interpretation = '좋다  ';
    row.user_id = `${row.user_id} `;
  },
  'one letter between spaces': (row) => {
    row.user_id = '\u3000a\u3000';
  },
  'zero-width user id': (row) => {
    row.user_id = '\u200b';
  },
  'byte order mark as user id': (row) => {
    row.user_id = '\ufeff';
  },
  'never updated': (row) => {
    row.updated_at = null;
  },
  microseconds: (row) => {
    row.created_at = '2019-12-31 23:59:59.999999+00';
    row.updated_at = '2020-01-01 00:00:00.000001+00';
  },
  'first year': (row) => {
    solar(row, 1, 1, 1);
    row.created_at = '0001-01-01 00:00:00+00';
  },
  'last year': (row) => {
    solar(row, 9999, 12, 31);
    row.updated_at = '9999-12-31 23:59:59.999999+00';
  },
  '29 February of a leap year': (row) => {
    solar(row, 2000, 2, 29);
  },
  '30 February, lunar': (row) => {
    lunar(row, 1985, 2, 30, false);
  },
  'lunar leap month': (row) => {
    lunar(row, 2012, 3, 10, true);
  },
  'lunar date before the tables': (row) => {
    lunar(row, 1850, 6, 30, true);
  },
  'lunar date after the tables': (row) => {
    lunar(row, 2070, 6, 30, false);
  },
  'pillars of another date': (row) => {
    row.day_pillar = row.day_pillar === '갑자' ? '갑오' : '갑자';
  },
});

function rejects(
  reason: string,
  variants: Readonly<Record<string, Variant['spoil']>>,
): (Variant & { reason: string })[] {
  return named(variants).map((variant) => ({ ...variant, reason }));
}

function named(variants: Readonly<Record<string, Variant['spoil']>>): Variant[] {
  return Object.entries(variants).map(([name, spoil]) => ({ name, spoil }));
}

function solar(row: SajuRow, year: number, month: number, day: number): void {
  Object.assign(row, { is_solar: true, is_leap_month: false, birth_year: year, birth_month: month, birth_day: day });
}

function lunar(row: SajuRow, year: number, month: number, day: number, leap: boolean): void {
  Object.assign(row, { is_solar: false, is_leap_month: leap, birth_year: year, birth_month: month, birth_day: day });
}
