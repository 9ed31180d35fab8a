/* published.h - what only replays artefacts of the published programs. */
#ifndef KIT_PUBLISHED_H
#define KIT_PUBLISHED_H

#endif /* KIT_PUBLISHED_H */
