// The names of exported routes: who is led there, and to which service. They are for people who read the manifests or Envoy's access log;
// import tells by them what a route mixes. No name of routes.yaml holds a slash, a hash or an asterisk, so they cannot be mistaken.

/** Those whom no gray rule takes. */
export const everybody = '*'

const noService = '-'

export interface RouteName {
  /** Name of a gray rule, `#3` for the third one when it has none, or `everybody`. */
  readonly who: string
  /** Undefined: those whom no service of the rule's version takes. */
  readonly service: string | undefined
}

/** @param index of the rule among the gray rules of its release, from 0 */
export function ruleLabel(name: string | undefined, index: number): string {
  return name ?? `#${index + 1}`
}

/** `office/frontend` */
export function routeName({ who, service }: RouteName): string {
  return `${who}/${service ?? noService}`
}

/** Undefined for a name that export does not give. */
export function readRouteName(text: string | undefined): RouteName | undefined {
  const parts = /^(\*|#\d+|[A-Za-z0-9][\w.-]*)\/(-|[A-Za-z0-9][\w.-]*)$/.exec(text ?? '')
  if (parts === null) return undefined
  const [, who = '', service = ''] = parts
  return { who, service: service === noService ? undefined : service }
}

/**
 * Of one match among several: `2.1` is the second alternative of the service with the first of the rule. Only where stable has no such
 * service; elsewhere stable's own route says what the service asks for.
 */
export function matchName(own: number, visitor: number): string {
  return `${own + 1}.${visitor + 1}`
}

/** Both from 0. */
export function readMatchName(
  text: string | undefined,
): { readonly own: number; readonly visitor: number } | undefined {
  const parts = /^([1-9]\d*)\.([1-9]\d*)$/.exec(text ?? '')
  return parts === null ? undefined : { own: Number(parts[1]) - 1, visitor: Number(parts[2]) - 1 }
}

/** What people find a route by: its name, or `#2`, its place in the VirtualService. */
export function ruleName({ name }: { readonly name?: string | undefined }, index: number): string {
  return name === undefined || name === '' ? `#${index}` : name
}
