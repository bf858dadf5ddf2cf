// The stores that a cluster has beside the services, and where they listen.

export const storePorts = { postgres: 5432, redis: 6379, mongo: 27017, kafka: 9092 } as const;

export type Store = keyof typeof storePorts;

/** The chart, and so the name, of each. */
export const storesOf = { postgres: "postgres", redis: "redis", mongo: "mongodb", kafka: "kafka" } as const;
