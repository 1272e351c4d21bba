package attribution

import "strings"

// extensions says what files are by their extensions.
var extensions = newExtensionTable(map[content]string{
	contentPart: "css js mjs png jpg jpeg gif webp avif svg bmp jxl apng cur woff woff2 ttf otf eot",
	contentAlone: "ico map wasm pdf zip gz tgz bz2 xz 7z rar tar dmg exe msi apk deb rpm iso jar bin " +
		"doc docx xls xlsx ppt pptx odt ods epub mobi csv " +
		"mp3 mp4 m4a m4v m4s m3u8 mpd webm ogg ogv oga opus wav flac aac avi mov mkv ts vtt srt swf " +
		"psd tif tiff heic ics vcf torrent asc sig sha256",
	contentData: "json jsonl ndjson geojson",
	contentFeed: "rss atom rdf",
	contentXML:  "xml",
	contentText: "txt",
})

// An extensionTable finds extensions by the number that their bytes make, in
// lower case and the first one lowest, under noExtension, so that a zero byte
// counts too. Where a place is taken, the next one is used.
type extensionTable [1 << extensionBits]struct {
	ext  uint64 // 0: free
	what content
}

const (
	extensionBits = 9
	// maxExtension is the longest extension that such a number has room for.
	maxExtension = 7
	noExtension  = uint64(1)
	// extensionHash is 2^64 divided by the golden ratio.
	extensionHash = 0x9e3779b97f4a7c15
)

func newExtensionTable(lists map[content]string) *extensionTable {
	t := &extensionTable{}
	for what, list := range lists {
		for word := range strings.FieldsSeq(list) {
			ext := noExtension
			for i := len(word) - 1; i >= 0; i-- {
				ext = ext<<8 | uint64(word[i])
			}
			p := t.place(ext)
			t[p].ext, t[p].what = ext, what
		}
	}
	return t
}

// find returns what a file with that extension is, contentUnknown where the
// table does not have it.
func (t *extensionTable) find(ext uint64) content { return t[t.place(ext)].what }

// place returns where the extension is, or would be.
func (t *extensionTable) place(ext uint64) uint64 {
	i := ext * extensionHash >> (64 - extensionBits)
	for t[i].ext != ext && t[i].ext != 0 {
		i = (i + 1) % uint64(len(t))
	}
	return i
}
