/** Addresses of the node and what runs on it, of the range for tests of networks (RFC 2544); none leaves the machine. */
export const network = {
  /** The machine's end of the cable, and the node's: the address of node, API server and DNS. */
  outside: '198.18.255.1',
  node: '198.18.255.2',
  pods: '198.18.0.0/24',
  /** Addresses that the load balancer stand-in gives to Services. */
  balancers: '198.18.254.0/24',
  balanced: ['198.18.254.1', '198.18.254.2', '198.18.254.3'],
  /** Those that two data centres ask for which reach each other by nothing else: for phones, and for the other's proxies. */
  apart: {
    dc1: { phones: '198.18.254.11', proxies: '198.18.254.12' },
    dc2: { phones: '198.18.254.21', proxies: '198.18.254.22' },
  },
  services: '198.19.0.0/16',
  /** The API server's as pods know it. */
  kubernetes: '198.19.0.1',
  apiPort: 6443,
} as const;

export const link = { outside: 'sipcluster-e2e', inside: 'cable' } as const;

export const nodeName = 'node1';
