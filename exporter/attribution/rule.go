package attribution

// A Rule names the rule that decided a Verdict.
type Rule uint16

// The rules, in the order in which they are asked.
const (
	ruleNone Rule = iota
	rulePreview
	ruleBot
	ruleNoRequest
	ruleNoStatus
	ruleFailed
	rulePrefetch
	ruleRedirect
	ruleWellKnown
	ruleAsset
	ruleExcluded
	ruleAPI
	ruleBeacon
	ruleMethod
	ruleRobots
	ruleFeed
	ruleFrame
	ruleContentType
	ruleStatus
	ruleOwnReferrer
	ruleSameSite
	// What names the sender of a landing.
	ruleTagUser
	ruleTagShare
	ruleTagPaid
	ruleTagEmail
	ruleTagCampaign
	ruleAgentApp
	ruleMailClient
	ruleAndroidReferrer
	ruleRequestedWith
	ruleReferrer
	ruleWebmail
	ruleUnknownReferrer
	ruleTagWeak
	ruleCrossSite
	ruleNoSign
	numRules
)
