// Whether a text holds a card number. Nobody may write one into a field of ours, whatever the field is for: it would be stored, and
// shown. The provider takes card numbers; the store takes its tokens for them.

/** 13 to 19 digits, also in groups with blanks or hyphens between them. */
const cardShape = /(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)/g;
/** One made of digits alone would often pass for a card number. */
const uuidShape = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;
/** A hash or a signature: among its letters there is, in one of a hundred, a run of digits that would pass. */
const hashShape = /(?<![0-9a-z])(?=[0-9]*[a-f])[0-9a-f]{32,}(?![0-9a-z])/gi;
const digitsMin = 13;

export function holdsCardNumber(text: string): boolean {
  if (text.length < digitsMin || text.search(cardShape) === -1) return false;
  const found = text.replace(uuidShape, "").replace(hashShape, "").match(cardShape) ?? [];
  return found.some((each) => passesLuhn(each.replace(/\D/g, "")));
}

/** The check digit that every card number ends with. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - place) - 48;
    const weighed = place % 2 === 0 ? digit : digit * 2;
    sum += weighed > 9 ? weighed - 9 : weighed;
  }
  return sum % 10 === 0;
}
