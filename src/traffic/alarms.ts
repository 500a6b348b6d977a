/** What is wrong at present, each told once when it begins. */
export interface Alarms {
  /** The state of one concern: a sentence while something is wrong with it, null when nothing is. */
  set(concern: string, sentence: string | null): void;
  /** The sentences that stand. */
  list(): readonly string[];
}

export function createAlarms(onAlarm: (sentence: string) => void): Alarms {
  const standing = new Map<string, string>();
  return {
    set: (concern, sentence) => {
      if (sentence === null) {
        standing.delete(concern);
        return;
      }
      const known = standing.get(concern) === sentence;
      standing.set(concern, sentence);
      if (!known) onAlarm(sentence);
    },
    list: () => [...standing.values()],
  };
}
