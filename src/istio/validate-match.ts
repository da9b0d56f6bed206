// HTTPMatchRequests as Istio's validation takes them.

import type { Findings } from './findings.ts'
import type { HttpMatchRequest, StringMatch } from './model-virtual-service.ts'
import { headerNameProblem } from './validate-headers.ts'
import { checkGatewayNames, checkLabels, isLabel, portProblem } from './validate-names.ts'
import { checkRegexOf, checkStringMatch } from './validate-string-match.ts'

const claim = /^@request\.auth\.claims[.[]/

/** @param atGateway JWT claims are known at gateways only */
export function checkMatch(match: HttpMatchRequest, atGateway: boolean, findings: Findings): void {
  checkGatewayNames(match.gateways, findings)
  for (const [name, header] of match.headers ?? []) {
    if (header === null) findings.error(match.headers as object, name, `header match ${name} cannot be null`)
    checkHeader(match.headers as object, name, header, 'headers', atGateway, findings)
  }
  for (const [name, header] of match.withoutHeaders ?? []) {
    // Here alone Istio's validation lets `*` pass, which its code takes for "present".
    const asked = header?.regex === '*' ? null : header
    checkHeader(match.withoutHeaders as object, name, asked, 'withoutHeaders', atGateway, findings)
  }
  checkRegexOf(match.uri, 'uri', findings)
  for (const field of ['scheme', 'method', 'authority'] as const) checkStringMatch(match[field], field, findings)
  for (const [, parameter] of match.queryParams ?? []) checkStringMatch(parameter ?? undefined, 'queryParams', findings)
  if (match.queryParams?.has('') === true) {
    // Istio lets it pass; Envoy then refuses the route table of the whole port, for every host on it.
    findings.refusedByEnvoy(
      match.queryParams,
      '',
      'a query parameter needs a name: Envoy refuses every route of the port for this one',
    )
  }
  if (match.port !== undefined) {
    const problem = portProblem(match.port)
    if (problem !== undefined && match.port !== 0) findings.error(match, 'port', problem)
  }
  checkLabels(match.sourceLabels, findings)
  const { sourceNamespace = '' } = match
  if (sourceNamespace !== '' && !isLabel(sourceNamespace)) {
    findings.error(match, 'sourceNamespace', `sourceNamespace match ${sourceNamespace} is invalid`)
  }
}

function checkHeader(
  owner: object,
  name: string,
  match: StringMatch | null,
  where: string,
  atGateway: boolean,
  findings: Findings,
): void {
  if (claim.test(name)) {
    if (!atGateway) findings.error(owner, name, 'JWT claim based routing is only supported for gateway')
    else findings.notHonoured(owner, name, 'JWT claims are not known here: this match never fits')
    return
  }
  const problem = headerNameProblem(name)
  if (problem !== undefined) findings.error(owner, name, problem)
  checkStringMatch(match ?? undefined, where, findings)
}
