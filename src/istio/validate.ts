// What Istio's own validation says of a resource (pkg/config/validation of Istio 1.31). With an error the resource takes no part.

import type { Origins } from '../config/origins.ts'
import type { Problem } from '../config/problem.ts'
import { Findings } from './findings.ts'
import type { AnyResource } from './resource.ts'
import { checkDestinationRule } from './validate-destination-rule.ts'
import { checkGateway } from './validate-gateway.ts'
import { checkServiceEntry, checkWorkloadEntry } from './validate-service-entry.ts'
import { checkVirtualService } from './validate-virtual-service.ts'

export function validate(resource: AnyResource, origins: Origins): readonly Problem[] {
  const findings = new Findings(origins)
  const { namespace } = resource.metadata
  switch (resource.kind) {
    case 'Gateway':
      checkGateway(resource.spec, resource.metadata.name, findings)
      break
    case 'VirtualService':
      checkVirtualService(resource.spec, namespace, findings)
      break
    case 'DestinationRule':
      checkDestinationRule(resource.spec, namespace, findings)
      break
    case 'ServiceEntry':
      checkServiceEntry(resource.spec, namespace, findings)
      break
    case 'WorkloadEntry':
      checkWorkloadEntry(resource.spec, findings)
      break
    default:
      // Kubernetes' own: the cluster has checked them.
      break
  }
  return findings.problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
}
