package stream

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// While files are written to, the watcher takes events for watchTake and then
// pauses for watchPause: the kernel joins equal events meanwhile, so that a proxy
// that writes tens of thousands of lines a second costs few of them.
const (
	watchTake  = 500 * time.Microsecond
	watchPause = 3 * time.Millisecond
)

// hurryTime is how long after the last sign of a copy in the making there are no
// pauses: what logrotate's copytruncate cuts off is what was not read since the
// end of the copy, so every write is followed at once.
const hurryTime = 500 * time.Millisecond

// maxWatched bounds the watched directories; others are polled only.
const maxWatched = 256

// A watcher says when something happens in the directories of followed files.
// Polling finds everything that it misses.
type watcher struct {
	// changed: a name came or went. written: a file was written to.
	changed, written chan struct{}

	w    *fsnotify.Watcher // nil where there is no notification
	dirs map[string]bool
	wg   sync.WaitGroup

	mu       sync.Mutex
	followed map[string]bool // the paths of the files
	// caught are files that have just been made, opened before they can go.
	caught []caught
	globs  []string
}

// A caught file is one under a name that a glob matches.
type caught struct {
	path string
	file *os.File
}

// maxCaught bounds how many files are held until the next scan.
const maxCaught = 64

func newWatcher(enabled bool, globs []string, log *slog.Logger) *watcher {
	w := &watcher{
		globs:   globs,
		changed: make(chan struct{}, 1),
		written: make(chan struct{}, 1),
		dirs:    map[string]bool{},
	}
	if !enabled {
		return w
	}
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("no file notification, only polling; on Linux raise fs.inotify.max_user_instances", "err", err)
		return w
	}
	w.w = fw
	w.wg.Add(1)
	go w.loop()
	return w
}

func (w *watcher) loop() {
	defer w.wg.Done()
	var paused, hurry time.Time
	for {
		select {
		case ev, ok := <-w.w.Events:
			if !ok {
				return
			}
			if (ev.Has(fsnotify.Create) || ev.Has(fsnotify.Write)) && w.copying(ev.Name) {
				hurry = time.Now()
			}
			if ev.Has(fsnotify.Create) {
				w.catch(ev.Name)
			}
			if ev.Has(fsnotify.Create) || ev.Has(fsnotify.Rename) || ev.Has(fsnotify.Remove) {
				signal(w.changed)
				continue
			}
			signal(w.written)
			if time.Since(paused) > watchTake && time.Since(hurry) > hurryTime {
				time.Sleep(watchPause)
				paused = time.Now()
			}
		case _, ok := <-w.w.Errors:
			// An overflow of the queue, mostly: whatever was in it, look for it.
			if !ok {
				return
			}
			signal(w.changed)
		}
	}
}

// catch opens a file that has just been made, so that it can be read even if it is
// gone when the next scan comes.
func (w *watcher) catch(path string) {
	if compressedName(path) || !slices.ContainsFunc(w.globs, func(glob string) bool {
		ok, _ := filepath.Match(glob, path)
		return ok || glob == path
	}) {
		return
	}
	// Of a FIFO the open itself would wait for a writer.
	file, err := os.OpenFile(path, os.O_RDONLY|nonblocking, 0)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.caught) == maxCaught {
		file.Close()
		return
	}
	w.caught = append(w.caught, caught{path, file})
}

// take returns what was caught, which is the caller's to close.
func (w *watcher) take() (all []caught) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all, w.caught = w.caught, nil
	return all
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// copying reports whether the path may be one to which a followed file is being
// copied.
func (w *watcher) copying(path string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.followed[path] {
		return false
	}
	for file := range w.followed {
		if rotatedName(file, path) && filepath.Dir(file) == filepath.Dir(path) {
			return true
		}
	}
	return false
}

// watch sets the directories to watch and the files that are followed in them. It
// is called again and again: a directory that was replaced needs a new watch.
func (w *watcher) watch(dirs, followed map[string]bool) {
	if w.w == nil {
		return
	}
	w.mu.Lock()
	w.followed = followed
	w.mu.Unlock()
	for dir := range w.dirs {
		if !dirs[dir] {
			w.w.Remove(dir)
			delete(w.dirs, dir)
		}
	}
	for dir := range dirs {
		if !w.dirs[dir] && len(w.dirs) >= maxWatched {
			continue
		}
		// A missing directory or a spent max_user_watches is no harm: polling goes on.
		if w.w.Add(dir) == nil {
			w.dirs[dir] = true
		} else {
			delete(w.dirs, dir)
		}
	}
}

func (w *watcher) close() {
	if w.w != nil {
		w.w.Close()
		w.wg.Wait()
	}
	for _, c := range w.take() {
		c.file.Close()
	}
}
