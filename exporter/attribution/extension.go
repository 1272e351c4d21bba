package attribution

import "strings"

// extensions says what files are by their extensions.
var extensions = newExtensionTable(map[content]string{
	contentPart: "css js mjs png jpg jpeg gif webp avif svg bmp jxl apng cur woff woff2 ttf otf eot",
	contentAlone: "ico map wasm pdf zip gz tgz bz2 xz 7z rar tar dmg exe msi apk deb rpm iso jar bin " +
		"doc docx xls xlsx ppt pptx odt ods epub mobi csv " +
		"mp3 mp4 m4a m4v m4s m3u8 mpd webm ogg ogv oga opus wav flac aac avi mov mkv ts vtt srt swf " +
		"psd tif tiff heic ics vcf torrent asc sig sha256 appcache",
	contentData: "json jsonl ndjson geojson",
	contentFeed: "rss atom rdf",
	contentXML:  "xml",
	contentText: "txt",
})

// An extensionTable finds extensions by the numbers that their bytes make.
// Where a place is taken, the next one is used.
type extensionTable [1 << extensionBits]struct {
	word   uint64
	length uint8 // 0: free
	what   content
}

const (
	extensionBits = 9
	// extensionHash is 2^64 divided by the golden ratio.
	extensionHash = 0x9e3779b97f4a7c15
)

func newExtensionTable(lists map[content]string) *extensionTable {
	t := &extensionTable{}
	for what, list := range lists {
		for text := range strings.FieldsSeq(list) {
			word := pack([]byte(text))
			p := &t[t.place(word, len(text))]
			p.word, p.length, p.what = word, uint8(len(text)), what
		}
	}
	return t
}

// find returns what a file with that extension is, whatever its case;
// contentUnknown where the table does not have it.
func (t *extensionTable) find(ext []byte) content {
	if len(ext) > maxExtension {
		if equalFold(ext, "webmanifest") {
			return contentAlone
		}
		return contentUnknown
	}
	word := pack(ext)
	p := &t[t.place(word, len(ext))]
	return p.what
}

// place returns where an extension is, or would be.
func (t *extensionTable) place(word uint64, length int) uint64 {
	i := word * extensionHash >> (64 - extensionBits)
	for t[i].length != 0 && (t[i].word != word || int(t[i].length) != length) {
		i = (i + 1) % uint64(len(t))
	}
	return i
}

// maxExtension is the longest text that pack has room for.
const maxExtension = 8

// pack makes a number of a text in lower case.
func pack(text []byte) (word uint64) {
	for _, b := range text {
		word = word<<8 | uint64(lower(b))
	}
	return word
}
