package attribution

import "bytes"

// A content is what a request is for.
type content uint8

const (
	contentUnknown content = iota
	contentPage
	// contentPart is what a browser fetches because a page says so: style sheets,
	// scripts, images, fonts.
	contentPart
	// contentAlone is an asset that comes without the page's referrer even from
	// browsers that send one: icons, manifests, downloads, media.
	contentAlone
	contentData
	contentFeed
	contentRobots
	contentFrame
	contentOther
	// contentXML and contentText are what extensions say alone: the file's name
	// decides.
	contentXML
	contentText
)

// byDest reads Sec-Fetch-Dest
// (https://fetch.spec.whatwg.org/#concept-request-destination).
func byDest(dest []byte) content {
	switch string(dest) {
	case "":
		return contentUnknown
	case "document":
		return contentPage
	case "script", "style", "image", "font", "xslt":
		return contentPart
	case "audio", "video", "track", "worker", "sharedworker", "serviceworker", "manifest", "audioworklet", "paintworklet":
		return contentAlone
	case "empty", "websocket", "report", "webidentity", "json", "text", "speculationrules":
		return contentData
	case "iframe", "frame", "embed", "object", "fencedframe":
		return contentFrame
	}
	return contentUnknown
}

// byPath reads what the path's last segment says.
func byPath(path []byte) content {
	slash := lastIndex(path, '/')
	file := path[slash+1:]
	dot := lastIndex(file, '.')
	if dot < 0 {
		return byName(path, file)
	}
	if isIcon(file) {
		return contentAlone
	}
	switch what := extensions.find(file[dot+1:]); what {
	case contentXML:
		if bytes.Contains(file, []byte("sitemap")) {
			return contentRobots
		}
		return contentFeed
	case contentText:
		switch string(file) {
		case "robots.txt", "ads.txt", "app-ads.txt", "humans.txt", "security.txt", "llms.txt":
			return contentRobots
		}
		return contentOther
	default:
		return what
	}
}

// isIcon reports whether a file is one of those that browsers fetch by
// themselves.
func isIcon(file []byte) bool {
	if len(file) < 2 || iconFirst>>(file[0]&31)&(iconSecond>>(file[1]&31))&1 == 0 {
		return false
	}
	switch lower(file[0]) {
	case 'f':
		return hasPrefixFold(file, "favicon")
	case 'a':
		return hasPrefixFold(file, "apple-touch-icon") || hasPrefixFold(file, "android-chrome-")
	case 'm':
		return hasPrefixFold(file, "mstile-") || equalFold(file, "manifest.json")
	case 'b':
		return equalFold(file, "browserconfig.xml")
	case 's':
		return equalFold(file, "site.webmanifest")
	}
	return false
}

// iconFirst and iconSecond are the sets of the first and second letters of those
// files, by the five low bits, which are the same for either case.
const (
	iconFirst  = uint32(1<<('f'&31) | 1<<('a'&31) | 1<<('m'&31) | 1<<('b'&31) | 1<<('s'&31))
	iconSecond = uint32(1<<('a'&31) | 1<<('p'&31) | 1<<('n'&31) | 1<<('s'&31) | 1<<('r'&31) | 1<<('i'&31))
)

// byName knows feeds without an extension: /feed, /blog/rss/, /atom.
func byName(path, file []byte) content {
	if len(file) == 0 && len(path) > 1 {
		path = path[:len(path)-1]
		file = path[bytes.LastIndexByte(path, '/')+1:]
	}
	if len(file) < 3 || len(file) > 5 {
		return contentUnknown
	}
	switch string(file) {
	case "feed", "rss", "rss2", "atom", "feeds":
		return contentFeed
	}
	return contentUnknown
}

// byType reads the response's media type.
func byType(t []byte) content {
	if i := bytes.IndexByte(t, ';'); i >= 0 {
		t = t[:i]
	}
	t = bytes.TrimSpace(t)
	switch {
	case len(t) == 0:
		return contentUnknown
	case equalFold(t, "text/html"), equalFold(t, "application/xhtml+xml"):
		return contentPage
	case equalFold(t, "text/css"), equalFold(t, "text/javascript"), equalFold(t, "application/javascript"),
		equalFold(t, "application/x-javascript"), hasPrefixFold(t, "image/"), hasPrefixFold(t, "font/"),
		hasPrefixFold(t, "application/font"), hasPrefixFold(t, "application/x-font"), equalFold(t, "application/vnd.ms-fontobject"):
		return contentPart
	case equalFold(t, "application/manifest+json"), equalFold(t, "application/pdf"), equalFold(t, "application/octet-stream"),
		equalFold(t, "application/zip"), equalFold(t, "application/wasm"), hasPrefixFold(t, "audio/"), hasPrefixFold(t, "video/"):
		return contentAlone
	case equalFold(t, "application/json"), equalFold(t, "text/json"), equalFold(t, "text/event-stream"),
		hasPrefixFold(t, "application/grpc"), hasSuffixFold(t, "+json"), equalFold(t, "application/x-ndjson"):
		return contentData
	case equalFold(t, "application/rss+xml"), equalFold(t, "application/atom+xml"), equalFold(t, "application/rdf+xml"),
		equalFold(t, "application/xml"), equalFold(t, "text/xml"):
		return contentFeed
	}
	return contentOther
}

func hasSuffixFold(b []byte, suffix string) bool {
	return len(b) >= len(suffix) && equalFold(b[len(b)-len(suffix):], suffix)
}

// isAPIPath reports whether a path is a program's by convention: REST, GraphQL,
// WordPress's and Cloudflare's own.
func isAPIPath(path []byte) bool {
	if len(path) < 4 {
		return false
	}
	switch lower(path[1]) {
	case 'a':
		if hasPrefixFold(path, "/api") {
			return len(path) == 4 || path[4] == '/'
		}
	case 'g':
		if hasPrefixFold(path, "/graphql") {
			return len(path) == 8 || path[8] == '/'
		}
	case 'c', 's', '_':
		if hasPrefixFold(path, "/cdn-cgi/") || hasPrefixFold(path, "/socket.io/") || hasPrefixFold(path, "/_next/data/") {
			return true
		}
	}
	return bytes.HasSuffix(path, []byte("/admin-ajax.php")) ||
		bytes.Contains(path, []byte("/wp-json/")) || bytes.HasSuffix(path, []byte("/wp-json"))
}

// isPrefetch reports whether a Purpose header says that nobody looks yet
// (https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header).
func isPrefetch(purpose []byte) bool {
	for rest := purpose; len(rest) > 0; {
		i := bytes.IndexAny(rest, "pP")
		if i < 0 {
			return false
		}
		rest = rest[i:]
		if hasPrefixFold(rest, "prefetch") || hasPrefixFold(rest, "prerender") || hasPrefixFold(rest, "preview") {
			return true
		}
		rest = rest[1:]
	}
	return false
}
