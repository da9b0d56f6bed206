// What `match` may hold in routes.yaml: Istio's HTTPMatchRequest and StringMatch, and what they lack.

import { Type } from 'typebox'
import {
  anyKeys,
  Cidr,
  cookieKeys,
  Dictionary,
  FilePath,
  matchFieldKeys,
  Nothing,
  NotYet,
  Refused,
  Section,
  Text,
  Whole,
} from './schema-parts.ts'

export const port = (lowest: 0 | 1, description: string) => Whole(lowest, 65_535, { description })

const listFile = Section(
  { file: FilePath() },
  { title: 'ListFile', description: 'One value a line; blank lines and # comments are skipped. Followed for changes.' },
)

export const addresses = Type.Union([Type.Array(Cidr()), listFile], {
  title: 'Addresses',
  description: 'Addresses and CIDRs, IPv4 and IPv6, or a file of them.',
})

export const texts = Type.Union([Type.Array(Text('a text')), listFile], {
  title: 'Texts',
  description: 'Values, or a file of them.',
})

// --- match -------------------------------------------------------------------------------------------------------------------------------

export const stringMatch = Section(
  {
    exact: Type.Optional(Text('a text', { description: 'The whole value.' })),
    prefix: Type.Optional(Text('a text', { description: 'How the value begins.' })),
    regex: Type.Optional(Text('a regex', { description: 'RE2, over the whole value. Quote it inside braces.' })),
    in: Type.Optional(texts),
  },
  { title: 'StringMatch', description: "Istio's StringMatch, and `in`. {} means: is present." },
)

export const matchItem = Section(
  {
    uri: Type.Optional(stringMatch),
    ignoreUriCase: Type.Optional(Type.Boolean({ description: 'For exact and prefix of uri.' })),
    scheme: Type.Optional(stringMatch),
    method: Type.Optional(stringMatch),
    authority: Type.Optional(stringMatch),
    headers: Type.Optional(Dictionary(matchFieldKeys, stringMatch, { title: 'HeaderMatches' })),
    withoutHeaders: Type.Optional(Dictionary(matchFieldKeys, Type.Union([stringMatch, Nothing()]))),
    queryParams: Type.Optional(Dictionary(anyKeys, stringMatch)),
    cookies: Type.Optional(Dictionary(cookieKeys, stringMatch)),
    clientIp: Type.Optional(addresses),
    port: Type.Optional(port(1, 'The port of the listener that took the request.')),
    sourceLabels: Type.Optional(Dictionary(anyKeys, Text('a text'))),
    name: NotYet('name'),
    gateways: NotYet('gateways'),
    sourceNamespace: NotYet('sourceNamespace'),
    statPrefix: NotYet('statPrefix'),
    ip: Refused('inside match it is called clientIp'),
    exact: Refused(
      'exact stands under what it is about, as in uri: { exact: /a } or headers: { x-user: { exact: a } }',
    ),
    prefix: Refused('prefix stands under what it is about, as in uri: { prefix: /api/ }'),
    regex: Refused("regex stands under what it is about, as in uri: { regex: '/a/.*' }"),
    in: Refused('in stands under what it is about, as in cookies: { user: { in: [jason] } }'),
  },
  {
    title: 'HTTPMatchRequest',
    description: "Istio's HTTPMatchRequest, plus clientIp and cookies. All fields have to hold.",
  },
)

export const match = Type.Array(matchItem, { description: 'One item that holds is enough.' })
