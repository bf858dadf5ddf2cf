// HTML as a value: what is put into it is escaped, unless it is HTML itself. Pure.

/** Made by the tag below, and by nothing else. */
export type Html = { readonly html: string };

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? "");

type Part = string | Html | readonly Html[];

export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const between = (part: Part | undefined): string => {
    if (part === undefined) return "";
    if (typeof part === "string") return escaped(part);
    return "html" in part ? part.html : part.map((each) => each.html).join("");
  };
  return { html: texts.map((text, index) => text + between(parts[index])).join("") };
}
