/** The languages that the dashboards are in. */
export const LANGUAGES = ['en', 'fr'] as const;
export type Language = (typeof LANGUAGES)[number];

/** A text in every language: one that is missing does not compile. */
export type Text = Record<Language, string>;

/** Says texts in a language. */
export type Say = (text: Text) => string;

export const say =
  (language: Language): Say =>
  (text) =>
    language === 'fr' ? french(text.fr) : text.en;

/** The same text in all languages: a name, or a reference to a variable. */
export const same = (text: string): Text => ({ en: text, fr: text });

// French sets a space that does not break before double punctuation and inside of quotes.
function french(text: string): string {
  return text.replace(/ (?=[:;?!»%])/g, '\u00A0').replace(/« /g, '«\u00A0');
}
