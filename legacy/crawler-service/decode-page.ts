import iconv from 'iconv-lite';

/**
 * The text of a page. What its header or its `meta` claims is believed where every byte fits; else it is UTF-8, or what Korean pages were
 * written in before it: CP949, of which EUC-KR is a part.
 */
export function decodePage(bytes: Buffer, contentType: string): string {
  const head = bytes.subarray(0, 1024).toString('latin1');
  const claims = [charsetIn(contentType), charsetIn(head)].flatMap((claim) => namesOf(claim));
  for (const encoding of [...claims, 'utf-8', 'cp949']) {
    const text = iconv.decode(bytes, encoding);
    if (!text.includes('\uFFFD')) return text;
  }
  return iconv.decode(bytes, 'utf-8');
}

function charsetIn(text: string): string | undefined {
  return /charset\s*=\s*["']?([\w-]+)/i.exec(text)?.[1]?.toLowerCase();
}

/** One of a single byte fits everything, so that nothing follows from it. */
function namesOf(claim: string | undefined): readonly string[] {
  if (claim === undefined || /^(iso-?8859|windows-125|us-ascii|latin)/.test(claim)) return [];
  if (/^(euc-?kr|ks_c_5601|ksc|cp949|ms949|windows-949|uhc)/.test(claim)) return ['cp949'];
  return iconv.encodingExists(claim) ? [claim] : [];
}
