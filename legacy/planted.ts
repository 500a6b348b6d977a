import type { PlantedFaults } from './saju-service/faults.js';

/** What the monolith's stand-in says is planted in it now, for reports: `nothing`, or each fault. */
export async function plantedAt(legacyUrl: string): Promise<string> {
  const response = await fetch(`${legacyUrl}/health`, { signal: AbortSignal.timeout(5000) });
  return describePlanted(((await response.json()) as { readonly planted: PlantedFaults }).planted);
}

export function describePlanted({ slow_ms, fail_share, hang, wrong_field }: PlantedFaults): string {
  const faults = [
    ...(slow_ms > 0 ? [`${slow_ms} ms more an answer`] : []),
    ...(fail_share > 0 ? [`a failure in ${Math.round(fail_share * 100)} of 100 answers`] : []),
    ...(hang ? ['no answer at all'] : []),
    ...(wrong_field === null ? [] : [`a wrong ${wrong_field} in every record`]),
  ];
  return faults.length === 0 ? 'nothing' : faults.join(', ');
}
