// Manifests of one host with two versions behind a gateway, and no route to them yet.

/** @param ports of the backends of v1 and v2, at 127.0.0.1 */
export function twoSubsets(servicePort: number, [v1, v2]: readonly [v1: number, v2: number]): string {
  return `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: front}
spec:
  hosts: [front.default.svc.cluster.local]
  ports: [{number: ${servicePort}, name: http, protocol: HTTP}]
  location: MESH_INTERNAL
  resolution: STATIC
  endpoints:
  - {address: 127.0.0.1, ports: {http: ${v1}}, labels: {version: v1}}
  - {address: 127.0.0.1, ports: {http: ${v2}}, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: front}
spec:
  host: front
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
`
}
