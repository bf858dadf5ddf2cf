// The order-processor's own configuration, by the names of SPEC 7.

import { z } from "zod";
import { processing } from "./definition.ts";

const topic = z
  .string()
  .max(128)
  .regex(/^[a-z0-9][a-z0-9._-]*$/, "must be a topic: lower case letters, digits, dots, underscores, dashes");

const topics = z
  .string()
  .default(JSON.stringify([processing.topic]))
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue('must be a JSON list of topics, such as ["order-events"]');
      return z.NEVER;
    }
  })
  .pipe(z.array(topic).min(1).max(10));

export const config = z.object({
  KAFKA_GROUP_ID: z
    .string()
    .min(1)
    .max(100)
    .default(processing.group)
    .describe("Who shares the work of processing orders."),
  KAFKA_TOPIC: topics.describe("The topics with events to process, as a JSON list."),
  KAFKA_DLQ_TOPIC: topic.default("orders-dlq").describe("Where events go that could not be processed."),
});
