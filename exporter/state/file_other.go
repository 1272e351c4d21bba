//go:build !unix

package state

import "os"

// tryLock does nothing where the system's locks would keep others from reading.
func tryLock(*os.File) error { return nil }

func isFull(error) bool     { return false }
func isReadOnly(error) bool { return false }
