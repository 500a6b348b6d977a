import { parseXml, XmlElement } from '@rgrove/parse-xml';

/** An answer of an S3 server, of which texts are read by the names of elements. */
export interface XmlAnswer {
  readonly name: string;
  /** Of the first element of this name in it; empty where there is none. */
  text(name: string): string;
  all(name: string): readonly XmlAnswer[];
}

/** Undefined for what is no XML, as the page of a proxy in between. */
export function readXml(text: string): XmlAnswer | undefined {
  try {
    const { root } = parseXml(text);
    return root === null ? undefined : answerOf(root);
  } catch {
    return undefined;
  }
}

function answerOf(element: XmlElement): XmlAnswer {
  const named = (name: string) =>
    element.children.filter((child): child is XmlElement => child instanceof XmlElement && child.name === name);
  return {
    name: element.name,
    text: (name) => named(name)[0]?.text ?? '',
    all: (name) => named(name).map(answerOf),
  };
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => escapes[sign] ?? sign);
}
