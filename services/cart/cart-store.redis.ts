// Carts in Redis: a hash each, and one script a change. The scripts follow cart.ts, and a test compares the two.
//
// Invariants:
//   R1. A change is one script on one key: nothing comes in between, it takes one round trip, and a cluster may hold
//       each cart on any of its nodes.
//   R2. Every key expires, and every change begins its time anew; what changes nothing writes nothing.
//   R3. A server that has forgotten the scripts (restarted, failed over) is told them again within the same change.

import { createHash } from "node:crypto";
import type { Redis } from "@webstore/kit";
import {
  type AdditionOutcome,
  type Cart,
  emptyCart,
  type Line,
  linesMax,
  quantityMax,
  recentAddsMax,
  recentOrdersMax,
} from "./cart.ts";
import type { CartStore } from "./cart-store.ts";

/**
 * 90 days: long enough to find last season's cart again, and far longer than an order or an add is repeated, so that
 * what the cart remembers of these is still there. Without it, memory fills with carts that nobody comes back to.
 */
export const keptMs = 90 * 24 * 60 * 60 * 1_000;

/** The fields that show a cart: its lines as JSON, and texts, empty for what it has not; null when there is no cart. */
type Shown = readonly [lines: string | null, currency: string | null, updateTimeMs: string | null];

export function redisCartStore(redis: Redis): CartStore {
  const keyOf = (customerId: string) => `${redis.prefix}${customerId}`;

  async function change<Outcome>(script: Script, customerId: string, ...values: (string | number)[]) {
    const call = { keys: [keyOf(customerId)], arguments: [keptMs, ...values].map(String) };
    const answer = await redis.run((client) =>
      client.evalSha(script.sha1, call).catch((error: unknown) => {
        if (error instanceof Error && error.message.startsWith("NOSCRIPT"))
          return client.eval(script.text, call);
        throw error;
      }),
    );
    const [outcome, ...shown] = answer as unknown as [Outcome, ...Shown];
    return { outcome, cart: cartOf(customerId, shown) };
  }

  return {
    async get(customerId) {
      const fields = ["lines", "currency", "updateTimeMs"];
      const shown = await redis.run((client) => client.hmGet(keyOf(customerId), fields));
      return cartOf(customerId, shown as unknown as Shown);
    },

    add: (customerId, { productId, quantity, currency = "", key = "", nowMs }) =>
      change<AdditionOutcome>(
        addScript,
        customerId,
        nowMs,
        productId,
        quantity,
        currency,
        key,
        quantityMax,
        linesMax,
        recentAddsMax,
      ),

    async setQuantity(customerId, { productId, quantity, nowMs }) {
      const { outcome, cart } = await change(setScript, customerId, nowMs, productId, quantity);
      return outcome === "set" ? cart : undefined;
    },

    async clearOrdered(customerId, { orderId, lines, nowMs }) {
      const ordered = JSON.stringify(lines);
      const { cart } = await change(clearScript, customerId, nowMs, orderId, ordered, recentOrdersMax);
      return cart;
    },
  };
}

function cartOf(customerId: string, [lines, currency, updateTimeMs]: Shown): Cart {
  const empty = emptyCart(customerId);
  return {
    customerId,
    lines: lines === null ? empty.lines : (JSON.parse(lines) as Line[]),
    currency: currency ?? empty.currency,
    updateTimeMs: updateTimeMs ? Number(updateTimeMs) : empty.updateTimeMs,
  };
}

type Script = { readonly text: string; readonly sha1: string };

function scriptOf(...parts: readonly string[]): Script {
  const text = parts.join("\n");
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}

/** What every change begins with. An empty table has no telling whether it is a list, so a list says so itself. */
const cartLua = `
local kept_ms, now_ms = ARGV[1], ARGV[2]

local function list_of(json) return json and cjson.decode(json) or {} end
local function json_of(list) return #list == 0 and '[]' or cjson.encode(list) end

local fields = redis.call('HMGET', KEYS[1], 'lines', 'currency', 'updateTimeMs', 'recentAdds', 'recentOrders')
local cart = {
  lines = list_of(fields[1]),
  currency = fields[2] or '',
  update_time_ms = fields[3] or '',
  recent_adds = list_of(fields[4]),
  recent_orders = list_of(fields[5]),
}

local function keep()
  redis.call('HSET', KEYS[1],
    'lines', json_of(cart.lines), 'currency', cart.currency, 'updateTimeMs', cart.update_time_ms,
    'recentAdds', json_of(cart.recent_adds), 'recentOrders', json_of(cart.recent_orders))
  redis.call('PEXPIRE', KEYS[1], kept_ms)
end

local function answer(outcome)
  return { outcome, json_of(cart.lines), cart.currency, cart.update_time_ms }
end

local function set_lines(lines)
  cart.lines = lines
  if #lines == 0 then cart.currency = '' end
  cart.update_time_ms = now_ms
end

local function find(product_id)
  for place, line in ipairs(cart.lines) do
    if line.productId == product_id then return line, place end
  end
end

local function includes(list, sought)
  for _, each in ipairs(list) do
    if each == sought then return true end
  end
  return false
end

local function remember(list, newest, most)
  table.insert(list, newest)
  while #list > most do table.remove(list, 1) end
end`;

/** The outcomes are those of `add` in cart.ts. The currency is empty when the product cannot be bought. */
const addScript = scriptOf(
  cartLua,
  `
local product_id, added, currency, key = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6]
local quantity_max, lines_max, adds_max = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

local held = find(product_id)
if key ~= '' and includes(cart.recent_adds, key) then return answer('repeated') end
if currency == '' then return answer('product_not_found') end
if (held and held.quantity or 0) + added > quantity_max then return answer('quantity_too_large') end
if not held and #cart.lines >= lines_max then return answer('cart_full') end
if #cart.lines > 0 and cart.currency ~= currency then return answer('currency_mismatch') end

if held then
  held.quantity = held.quantity + added
else
  table.insert(cart.lines, { productId = product_id, quantity = added })
end
cart.currency = currency
cart.update_time_ms = now_ms
if key ~= '' then remember(cart.recent_adds, key, adds_max) end
keep()
return answer('added')`,
);

/** The outcome is 'set' or 'line_not_found'. */
const setScript = scriptOf(
  cartLua,
  `
local product_id, quantity = ARGV[3], tonumber(ARGV[4])

local held, place = find(product_id)
if not held then return answer(quantity == 0 and 'set' or 'line_not_found') end
if held.quantity == quantity then return answer('set') end

if quantity == 0 then
  table.remove(cart.lines, place)
else
  held.quantity = quantity
end
set_lines(cart.lines)
keep()
return answer('set')`,
);

/** The outcome is 'cleared' or 'repeated'. */
const clearScript = scriptOf(
  cartLua,
  `
local order_id, ordered, orders_max = ARGV[3], cjson.decode(ARGV[4]), tonumber(ARGV[5])

if includes(cart.recent_orders, order_id) then return answer('repeated') end
remember(cart.recent_orders, order_id, orders_max)

local took, left = false, {}
for _, line in ipairs(cart.lines) do
  for _, each in ipairs(ordered) do
    if each.productId == line.productId then
      line.quantity = line.quantity - each.quantity
      took = true
    end
  end
  if line.quantity > 0 then table.insert(left, line) end
end
if took then set_lines(left) end
keep()
return answer('cleared')`,
);
