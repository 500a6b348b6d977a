/** Why a page was not fetched, each with a sentence for a person. The list is closed: metrics and reports count by it. */
export const fetchFailureSentences = {
  url_invalid: 'The URL is not http or https, or holds credentials.',
  address_refused: 'The safety rules refuse the address or port.',
  robots_disallowed: 'The robots.txt of the host does not allow the URL.',
  robots_unreachable: 'The robots.txt of the host could not be read, so that nothing of it may be fetched.',
  crawl_delay_too_long: 'The robots.txt of the host asks for a longer delay than a run waits.',
  name_not_resolved: 'The name of the host does not resolve.',
  unreachable: 'No connection came about, or it broke.',
  tls_failed: 'The certificate of the host is not valid, or no TLS connection came about.',
  timed_out: 'The host took longer than a page may take.',
  redirect_invalid: 'A redirect names no URL.',
  too_many_redirects: 'The URL is redirected too often.',
  rate_limited: 'The host answers that there are too many requests.',
  status_unexpected: 'The host answers with a status other than 200.',
  headers_too_large: 'The headers of the response are larger than permitted.',
  too_large: 'The response is larger than permitted, as it comes or when it is unpacked.',
  response_damaged: 'The response is cut off, or cannot be unpacked.',
  not_text: 'The response is no page of text.',
  extraction_failed: 'The page is built so that extracting takes more time or memory than permitted.',
} as const;

export type FetchFailureReason = keyof typeof fetchFailureSentences;
