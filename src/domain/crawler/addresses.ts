import ipaddr from 'ipaddr.js';

/**
 * Addresses that are public by their range and serve a machine's own cloud all the same: the metadata of Azure. Those of other clouds lie
 * in ranges that are refused as a whole.
 */
const metadataServers = [ipaddr.IPv4.parseCIDR('168.63.129.16/32')];

/** Of IPv6 only this part has ever been given to networks of the internet (RFC 4291, IANA's registry). */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Why the crawler does not connect to an address: the kind of range that it lies in, `unreadable` for a text that is no address; undefined for
 * a public address. IPv4 inside IPv6 (mapped, compatible, translated, 6to4, Teredo, ISATAP) is refused whatever it contains, since a gateway on the way
 * may unpack it.
 */
export function refusedRange(address: string): string | undefined {
  const parsed = parseAddress(address);
  if (parsed === undefined) return 'unreadable';
  const range = parsed.range();
  if (range !== 'unicast') return range;
  if (parsed instanceof ipaddr.IPv4)
    return metadataServers.some((server) => parsed.match(server)) ? 'metadata' : undefined;
  if (!parsed.match(globalUnicast)) return 'reserved';
  return isIsatap(parsed) ? 'isatap' : undefined;
}

/** The address of a text in its plain form, four decimal numbers or IPv6 without a zone; undefined for any other text. */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text);
  return !text.includes('%') && ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : undefined;
}

/** RFC 5214: an interface identifier of 0:5efe (or 200:5efe) is followed by an IPv4 address. */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe;
}
