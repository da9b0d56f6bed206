// Gray rules as routes.yaml has them: by their names where they have good ones, and short where they ask for nothing but addresses.

import type { Place } from '../rules/types.ts'
import { matchText } from './import-match.ts'
import type { ImportedRoutes } from './import-routes.ts'

/** `gray` of routes.yaml. */
export function rulesText(
  { rules }: ImportedRoutes,
  say: (place: Place, code: string, message: string) => void,
): readonly unknown[] {
  const names = new Set<string>()
  return rules.map(({ name, version, items, place }) => {
    const isNew = name !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name) && !names.has(name)
    if (isNew) names.add(name)
    const label = isNew ? { name } : {}
    const texts = items.map(matchText)
    const [only] = texts
    if (texts.length === 0 || texts.some((text) => Object.keys(text).length === 0)) {
      say(place, 'import-everybody', `a rule takes everybody to ${version}: in routes.yaml that is what stable says`)
      return { ...label, version, match: [{ uri: { prefix: '/' } }] }
    }
    const isAddresses = texts.length === 1 && Object.keys(only as object).join() === 'clientIp'
    return isAddresses ? { ...label, version, ip: only?.['clientIp'] } : { ...label, version, match: texts }
  })
}
