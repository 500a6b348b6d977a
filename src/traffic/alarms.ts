/** The current problems; each is reported once, when it begins. */
export interface Alarms {
  /** Sets the state of one concern: a sentence while it has a problem, otherwise null. */
  set(concern: string, sentence: string | null): void;
  /** The sentences of all current problems. */
  list(): readonly string[];
}

export function createAlarms(onAlarm: (sentence: string) => void): Alarms {
  const active = new Map<string, string>();
  return {
    set: (concern, sentence) => {
      if (sentence === null) {
        active.delete(concern);
        return;
      }
      const known = active.get(concern) === sentence;
      active.set(concern, sentence);
      if (!known) onAlarm(sentence);
    },
    list: () => [...active.values()],
  };
}
