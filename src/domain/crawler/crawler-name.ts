/** What the rules of a robots.txt name the crawler by. */
export const productToken = 'Heal7Crawler';

/** The User-Agent of every request of a run of the cube. Characters that would end the comment, or the header, are escaped. */
export function userAgentOf(jobId: string, runId: string): string {
  return `${productToken}/1.0 (side=cube; job=${escaped(jobId)}; run=${escaped(runId)})`;
}

function escaped(id: string): string {
  return id.replace(/[^\w.:/-]/g, (character) => encodeURIComponent(character).replace(/[()]/g, '_'));
}
