// `identity` of routes.yaml: who a visitor is, for users and for share. Part of schema.ts.

import { type Static, Type } from 'typebox'
import {
  CookieName,
  FieldName,
  FilePath,
  IdentitySource,
  Refused,
  Section,
  Text,
  Duration,
  Whole,
} from './schema-parts.ts'

const tokenAlgorithms = [
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const

const fieldPath = (description: string) =>
  Text('a field such as sub or user.id', { pattern: '^[^\\u0000-\\u001f\\u007f]{1,256}$', description })

const jwt = Section(
  {
    cookie: Type.Optional(CookieName()),
    header: Type.Optional(FieldName({ description: 'With or without Bearer in front.' })),
    claim: fieldPath('The claim that names the visitor; a dot goes one level down.'),
    keys: Type.Array(
      Section(
        {
          env: Type.Optional(Text('the name of an environment variable', { pattern: '^[^=]+$' })),
          file: Type.Optional(FilePath()),
        },
        { title: 'TokenKey' },
      ),
      { minItems: 1, description: 'A JWK Set, a JWK, PEM, or a shared secret of 32 bytes or more.' },
    ),
    algorithms: Type.Optional(
      Type.Array(Type.Enum([...tokenAlgorithms]), {
        minItems: 1,
        description: 'No others are accepted. Default: the usual one of each key.',
      }),
    ),
    issuer: Type.Optional(Text('an issuer', { description: 'iss has to be this.' })),
    audience: Type.Optional(Text('an audience', { description: 'aud has to be, or to hold, this.' })),
    leeway: Duration({ default: '60s', description: 'How far clocks may differ, for exp and nbf.' }),
    secret: Refused('a key comes from env or from file: keys: [{ env: JWT_SECRET }]'),
    algorithm: Refused('it is a list: algorithms: [RS256]'),
  },
  { title: 'TokenIdentity', description: 'A claim of a JWT. It counts only when one of the keys verifies it.' },
)

const json = Section(
  {
    cookie: CookieName(),
    field: fieldPath('Where the identity stands in it; a dot goes one level down.'),
  },
  {
    title: 'JsonIdentity',
    description: 'A field inside a cookie that holds JSON, plain, percent-encoded or base64url.',
  },
)

const clientIp = Section({
  ipv6Prefix: Whole(1, 128, { default: 64, description: 'An IPv6 host takes its address from a block of that size.' }),
})

const source = Type.Union([
  IdentitySource(),
  Section(
    { jwt: Type.Optional(jwt), json: Type.Optional(json), clientIp: Type.Optional(clientIp) },
    { title: 'IdentitySource', description: 'Exactly one of jwt, json and clientIp.' },
  ),
])

const from = Type.Array(source, { description: 'The first that is present.' })

export const identity = Type.Union(
  [
    from,
    Section({
      from,
      ignore: Type.Optional(
        Type.Array(Text('a text'), {
          description:
            'Values that mean nobody, in any case of letters; instead of null, undefined, guest and their like.',
        }),
      ),
    }),
  ],
  { default: ['clientIp'], description: 'Who a visitor is, for users and for share: the first that is present.' },
)

export type IdentitySourceText = Static<typeof source>
export type TokenText = Static<typeof jwt>
