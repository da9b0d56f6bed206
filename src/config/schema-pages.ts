// `page` and `assets` of routes.yaml: how pages name their own version, and where their files may come from.

import { Type } from 'typebox'
import { FieldName, Section, Text } from './schema-parts.ts'

export const pageSection = Section(
  {
    script: Text('a path such as /.graylane/page.js, or off', {
      pattern: '^(/[!-"$->@-~]*|off)$',
      default: '/.graylane/page.js',
      description: 'Where the script of graylane/page is served; off: nowhere.',
    }),
    headers: Type.Array(FieldName(), {
      default: [],
      description: 'In which a framework names the version of its page, such as x-deployment-id.',
    }),
    parameters: Type.Array(Text('the name of a query parameter', { pattern: '^[A-Za-z0-9._~-]+$' }), {
      default: [],
      description: 'The same in the query, such as dpl.',
    }),
    origins: Type.Array(
      Text('an origin such as https://api.example.com', {
        pattern: '^https?://(\\[[0-9a-f:.]+\\]|[a-z0-9.-]+)(:\\d{1,5})?$',
      }),
      { default: [], description: 'Other hosts of this release whose requests the script stamps.' },
    ),
  },
  { title: 'Page', default: {}, description: 'How a page names its own version, beside pin.pageHeader.' },
)

export const assetsSection = Section(
  {
    tryLive: Type.Boolean({
      default: false,
      description:
        'A hashed asset that the version lacks is looked for in the other versions of this browser before a 404.',
    }),
  },
  { title: 'Assets', default: {} },
)
