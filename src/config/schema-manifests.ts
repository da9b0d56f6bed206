// routes.yaml in its other form: `istio`, which names Istio's manifests, in place of a release. What holds for the whole file (listen,
// trust, limits, overload, accessLog) is the same in both; what belongs to a release is refused beside `istio`.

import { type Static, Type } from 'typebox'
import { limits, listener, routesDocument } from './schema.ts'
import { port } from './schema-matches.ts'
import { FilePath, Refused, Section, Text, Whole } from './schema-parts.ts'

const manifestListener = Section(
  {
    ...listener.properties,
    gateway: Type.Optional(port(1, "The Gateway servers' port that is served here; default: port. Not for internal.")),
    servicePort: Type.Optional(port(1, 'The port of the services that are called; default: port. For internal.')),
    sourceNamespace: Type.Optional(
      Text('a namespace', { description: "The caller's; default: default. For internal." }),
    ),
  },
  { title: 'ManifestListener', description: "A port of Istio's gateway, or with internal the sidecar of a workload." },
)

const asIstio = 'Istio trusts a number of hops (numTrustedProxies): trust: { hops: 1 }'

/** Envoy takes heads of 60 KiB. */
export const manifestHeadBytes = 60 * 1024

const { overload, accessLog, tls } = routesDocument.properties

const parts = {
  istio: Type.Array(FilePath(), {
    minItems: 1,
    description: "Istio's manifests: files, or directories with all below them.",
  }),
  listen: Type.Array(manifestListener, { minItems: 1, description: 'Ports to serve.' }),
  trust: Type.Optional(
    Section(
      {
        hops: Whole(0, 64, { description: 'numTrustedProxies.' }),
        proxies: Refused(asIstio),
        header: Refused(asIstio),
      },
      { description: 'Default: what MeshConfig says, else 0.' },
    ),
  ),
  limits: Section(
    {
      ...limits.properties,
      headBytes: Whole(1024, 1_048_576, {
        default: manifestHeadBytes,
        description: 'Of a whole message head. More: 431.',
      }),
      targetBytes: Whole(256, 1_048_576, {
        default: manifestHeadBytes,
        description: 'Of a request target. More: 414.',
      }),
    },
    { default: {} },
  ),
  overload,
  accessLog,
  tls,
}

const ofReleases = Object.keys(routesDocument.properties).filter((key) => !Object.hasOwn(parts, key))

export const manifestsDocument = Section(
  {
    ...Object.fromEntries(
      ofReleases.map((key) => [
        key,
        Refused(`${key} belongs to a release, and the manifests of istio stand in its place`),
      ]),
    ),
    ...parts,
  },
  { title: "graylane routes.yaml with Istio's manifests" },
)

/** What is left of it once it was read: refused keys are none. */
export interface ManifestsDocument {
  readonly istio: readonly string[]
  readonly listen: Static<typeof manifestListener>[]
  readonly trust?: { readonly hops: number }
  readonly limits: Static<typeof limits>
  readonly overload?: Static<typeof overload>
  readonly accessLog?: Static<typeof accessLog>
}
