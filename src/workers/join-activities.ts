type Activities = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

/** The activities of all families together. Throws when two have one name: each name is a wire contract. */
export function joinActivities(families: readonly Activities[]): Activities {
  const joined: Record<string, Activities[string]> = {};
  for (const family of families) {
    for (const [name, activity] of Object.entries(family)) {
      if (Object.hasOwn(joined, name)) throw new Error(`Two activities are called ${name}.`);
      joined[name] = activity;
    }
  }
  return joined;
}
