const maxLength = 160;

/**
 * A line for Temporal's summaries. The server refuses one of more than 400 bytes, and with it the start of a run or the workflow
 * task that schedules a step: the plan would never continue. In ASCII a character takes two bytes at most, as JSON.
 */
export function summaryLine(text: string): string {
  const ascii = text.replaceAll(/[^ -~]/g, '?');
  return ascii.length <= maxLength ? ascii : `${ascii.slice(0, maxLength - 3)}...`;
}
