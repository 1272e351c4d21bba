package attribution

// languages are the two-letter codes of ISO 639-1
// (https://www.loc.gov/standards/iso639-2/php/English_list.php), countries those
// of ISO 3166-1 that sites use for a country's front page, with uk.
const (
	languages = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz " +
		"ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is " +
		"it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt " +
		"my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm " +
		"sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu "
	countries = "ae ar at au be bg br ca ch cl cn co cr cy cz de dk ec ee es fi fr gb ge gr hk hr hu id ie il in is it jp " +
		"ke kr kz lt lu lv ma mt mx my ng nl no nz pe ph pk pl pt qa ro rs ru sa se sg si sk th tn tr tw ua uk us uy uz " +
		"ve vn za "
)

var localeCodes = func() (set [26][26]bool) {
	for _, list := range []string{languages, countries} {
		for i := 0; i+1 < len(list); i += 3 {
			set[list[i]-'a'][list[i+1]-'a'] = true
		}
	}
	return set
}()

// isLocale reports whether a path segment names a language or country: fr,
// en-us, pt_BR, zh-Hans, zh-Hant-TW.
func isLocale(segment []byte) bool {
	if len(segment) < 2 || !isLetter(segment[0]) || !isLetter(segment[1]) ||
		!localeCodes[segment[0]|0x20-'a'][segment[1]|0x20-'a'] {
		return false
	}
	for rest := segment[2:]; len(rest) > 0; {
		if rest[0] != '-' && rest[0] != '_' {
			return false
		}
		n := 1
		for n < len(rest) && isLetter(rest[n]) {
			n++
		}
		if n != 3 && n != 5 { // a country of two letters or a script of four
			return false
		}
		rest = rest[n:]
	}
	return len(segment) <= len("zh-Hant-TW")
}

// isEntryPath reports whether a page label is a home page: the root or a
// locale's root.
func isEntryPath(page []byte) bool {
	if len(page) == 0 || page[0] != '/' {
		return false
	}
	if len(page) == 1 {
		return true
	}
	segment := page[1:]
	if segment[len(segment)-1] == '/' {
		segment = segment[:len(segment)-1]
	}
	return isLocale(segment)
}
