import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { refusedRange } from '../../../../src/domain/crawler/addresses.js';
import { isPermitted, parseAllowedTargets } from '../../../../src/domain/crawler/allowed-targets.js';

const refused: Readonly<Record<string, readonly string[]>> = {
  'this network': ['0.0.0.0', '0.255.255.255', '::'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.255.254', 'fc00::1', 'fdff::1'],
  'shared by providers': ['100.64.0.1', '100.127.255.255'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  'link-local': ['169.254.0.1', 'fe80::1', 'febf::1'],
  'site-local': ['fec0::1'],
  metadata: ['169.254.169.254', '168.63.129.16', '100.100.100.200', '192.0.0.192', 'fd00:ec2::254'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
  broadcast: ['255.255.255.255'],
  reserved: ['192.0.0.1', '192.88.99.1', '240.0.0.1', '254.0.0.1', '4000::1', 'e000::1', '100::1', '5f00::1'],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
  benchmark: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  'IPv4 mapped': ['::ffff:8.8.8.8', '::ffff:127.0.0.1', '::ffff:7f00:1'],
  'IPv4 compatible': ['::8.8.8.8', '::7f00:1'],
  'IPv4 translated': ['64:ff9b::8.8.8.8', '64:ff9b:1::a00:1', '::ffff:0:808:808'],
  '6to4': ['2002:808:808::1', '2002:7f00:1::1'],
  Teredo: ['2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ISATAP: ['2a00::5efe:7f00:1', '2a00::200:5efe:808:808'],
  ORCHID: ['2001:20::1', '2001:10::1'],
  'no addresses': ['', 'localhost', '1', '0x7f000001', '127.1', '010.0.0.1', '8.8.8', 'fe80::1%eth0', '[::1]'],
};
const open = [
  '8.8.8.8',
  '1.1.1.1',
  '93.184.216.34',
  '172.15.255.255',
  '172.32.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.1',
  '169.253.0.1',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2a00:1450:4001::1',
  '2003::1',
];

describe('an address', () => {
  test.each(Object.entries(refused))('is refused: %s', (_, addresses) => {
    expect(addresses.filter((address) => refusedRange(address) === undefined)).toEqual([]);
  });

  test('of the public internet is not refused', () => {
    expect(open.filter((address) => refusedRange(address) !== undefined)).toEqual([]);
  });

  test('of IPv4 is refused in IPv6 in every form that contains it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 0, max: 0xffff }), (high, low) => {
        const end = `${high.toString(16)}:${low.toString(16)}`;
        const forms = [
          `::ffff:${end}`,
          `::${end}`,
          `64:ff9b::${end}`,
          `64:ff9b:1::${end}`,
          `2002:${end}::`,
          `2001::${end}`,
          `::ffff:0:${end}`,
          `2a00::5efe:${end}`,
        ];
        expect(forms.filter((form) => refusedRange(form) === undefined)).toEqual([]);
      }),
    );
  });

  test('is refused anywhere in a block of IANA’s registry that is not globally reachable', () => {
    const blocks = [
      ['0.0.0.0', '0.255.255.255'],
      ['10.0.0.0', '10.255.255.255'],
      ['100.64.0.0', '100.127.255.255'],
      ['127.0.0.0', '127.255.255.255'],
      ['169.254.0.0', '169.254.255.255'],
      ['172.16.0.0', '172.31.255.255'],
      ['192.0.2.0', '192.0.2.255'],
      ['192.168.0.0', '192.168.255.255'],
      ['198.18.0.0', '198.19.255.255'],
      ['198.51.100.0', '198.51.100.255'],
      ['203.0.113.0', '203.0.113.255'],
      ['240.0.0.0', '255.255.255.255'],
    ] as const;
    const numberOf = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const textOf = (number: number) => [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.');
    fc.assert(
      fc.property(fc.constantFrom(...blocks), fc.nat(), (block, offset) => {
        const [first, last] = [numberOf(block[0]), numberOf(block[1])];
        expect(refusedRange(textOf(first + (offset % (last - first + 1))))).toBeDefined();
        expect(refusedRange(block[0])).toBeDefined();
        expect(refusedRange(block[1])).toBeDefined();
      }),
    );
  });
});

describe('the allowed targets', () => {
  const permitted = (text: string, address: string, port: number) =>
    isPermitted(parseAllowedTargets(text), address, port);

  test('are exempt at their port, and at every port without one', () => {
    expect(permitted('127.77.0.1/32:8081', '127.77.0.1', 8081)).toBe(true);
    expect(permitted('127.77.0.1/32:8081', '127.77.0.1', 80)).toBe(false);
    expect(permitted('127.77.0.1/32:8081', '127.77.0.2', 8081)).toBe(false);
    expect(permitted('10.0.0.0/8', '10.1.2.3', 5432)).toBe(true);
    expect(permitted('127.77.0.1:80', '127.77.0.1', 80)).toBe(true);
    expect(permitted('10.0.0.0/8 , [fd00::]/8:8080', 'fd12::1', 8080)).toBe(true);
    expect(permitted('[fd00::]/8', 'fd12::1', 1)).toBe(true);
    expect(permitted('0.0.0.0/0', '::1', 80)).toBe(false);
  });

  test('are none by default, and leave public addresses at the ports of the web', () => {
    expect(permitted('', '127.0.0.1', 80)).toBe(false);
    expect(permitted('', '8.8.8.8', 443)).toBe(true);
    expect(permitted('', '8.8.8.8', 8080)).toBe(false);
    expect(permitted('8.8.8.8:8080', '8.8.8.8', 8080)).toBe(true);
  });

  test.each([
    '127.0.0.1/33',
    '[::1]/129',
    '::1',
    '[127.0.0.1]',
    'localhost',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1/8/8',
    '127.1',
    '*',
  ])('are not read from %s', (text) => {
    expect(() => parseAllowedTargets(text)).toThrow('which is no network');
  });
});
