// The normalized long form of a configuration: short forms spelled out, defaults filled in, list files and keys read.
// Pure data; what it means is compiled by others.

import type { Static } from 'typebox'
import type { PinKey, TrustSpec } from '../affinity/types.ts'
import type { MeshListenerSpec, MeshSpec } from '../rules/mesh-types.ts'
import type { ReleaseSpec } from '../rules/release.ts'
import type { Place } from '../rules/types.ts'
import type { OverloadText } from './overload.ts'
import type { limits, RoutesDocument } from './schema.ts'

export interface Configuration {
  /** Path of routes.yaml as it was given. */
  readonly file: string
  /** Its content. */
  readonly text: string
  /** Hex of SHA-256 over all content, list files and the ids of keys included. */
  readonly hash: string
  readonly listen: readonly ListenSpec[]
  readonly trust: TrustSpec
  readonly path: PathMode
  readonly limits: LimitsSpec
  readonly overload: OverloadText
  /** `stdout`, `off`, or an absolute path. */
  readonly accessLog: {
    readonly path: string
    readonly format: 'json' | 'istio' | 'istio-json'
    /** Undefined where the file says nothing of it. */
    readonly place?: Place
  }
  readonly releases: readonly ReleaseSpec[]
  /** By release. Empty: a random key. */
  readonly keys: ReadonlyMap<string, readonly PinKey[]>
  /** By release. */
  readonly tests: ReadonlyMap<string, readonly RouteTest[]>
  /** Absolute paths of every file that was read. */
  readonly files: readonly string[]
  /** Istio's manifests, translated: then there are no releases. */
  readonly mesh?: MeshSpec
}

export interface ListenSpec {
  /** Default: made of address and port. */
  readonly name?: string
  /** 0: any free port. */
  readonly port: number
  readonly address: string
  readonly internal: boolean
  /** CIDRs that may use an internal listener; empty for anybody who reaches it. */
  readonly from: readonly string[]
  readonly sourceLabels: Readonly<Record<string, string>> | undefined
  /** Empty: plain HTTP. The first one is for clients that name no server, or none of these. */
  readonly tls: readonly CertificateSpec[]
  readonly place: Place
  /** Routes of Istio's manifests, in place of releases. */
  readonly mesh?: MeshListenerSpec
}

/** A certificate that is whole, with the key that belongs to it. */
export interface CertificateSpec {
  /** Path of the certificate as written. */
  readonly file: string
  /** PEM: the certificate, and those of the authorities between it and the root. */
  readonly chain: Uint8Array
  /** PEM of the private key. */
  readonly secret: Uint8Array
  /** DNS names in lower case, `*.` in front of wildcards. */
  readonly names: readonly string[]
  /** Seconds since 1970. */
  readonly expiresAt: number
}

export type PathMode = NonNullable<RoutesDocument['path']>

type Limits = Static<typeof limits>

/** The keys of `limits`; what ends in Timeout is given in milliseconds under a name that ends in Ms. */
export type LimitsSpec = {
  readonly [K in keyof Limits as K extends `${string}Timeout` ? `${K}Ms` : K]: number
}

/** One entry of `tests`. */
export interface RouteTest {
  readonly request: {
    readonly ip: string
    readonly path: string
    readonly method: string
    /** Names as written. */
    readonly headers: ReadonlyMap<string, string>
    readonly cookies: ReadonlyMap<string, string>
  }
  readonly expect: {
    readonly version: string
    readonly service: string | undefined
    readonly reason: string | undefined
  }
  readonly place: Place
}
