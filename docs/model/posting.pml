/*
 * The posting protocol, small enough for a checker to walk through every one of its interleavings.
 *
 * One journal with one reference, two workers that may be started, slowed down or killed at any step, one ERP, and people.
 * Names are those of include/ledger/posting.py, attempts.py and journals.py. README.md says what is assumed, how to run
 * it, and what each switch below removes. A step in `atomic` is one transaction of the ledger or one event in the ERP.
 *
 * Time passes in ticks; only their order and the lengths here count, not how long a tick is.
 */

#ifndef REQUEST
#define REQUEST 1                /* the client's total limit of one request */
#endif
#ifndef SETTLE
#define SETTLE 1                 /* how long a request whose connection was lost may still take effect */
#endif
#ifndef LATE
#define LATE 1                   /* by how much a document may appear after REQUEST + SETTLE, counted from the renewal */
#endif
#ifndef LEASE
#define LEASE (REQUEST + SETTLE)
#endif
#ifndef MOST_CREATES
#define MOST_CREATES 2           /* the code's 3: the third round adds states, no new kind of step */
#endif

#define NOBODY 0                 /* 1 and 2 are the workers */
#define A_DEAD_ONE 3             /* the task that held it has ended or was killed; nobody acts for its attempt any more */

mtype:state = { drafted, held, ready, posting, posted, rejected, conflict, closed };
mtype:finding = { nothing, ours, another, no_reliable_answer };
mtype:answer = { none, created, refused, not_carried_out, lost };

/* --- the ledger --- */
mtype:state state = drafted;
bool frozen;
bool emptied;                    /* closed because nothing was left: the one kind of closed that may open again */
byte holder = NOBODY;            /* whose attempt `journal.attempt_id` is */
byte lease;                      /* ticks until its `lease_until` */
byte suspect = NOBODY;           /* whose attempt has `sent_at` and no definite outcome */
byte first_empty;                /* 0: no `absent_at` after that; else 1 + the ticks since the first one, up to SETTLE */

/* --- what a worker knows of the row that it read: false once another process has changed it --- */
bool same_revision[3];
bool same_attempt[3];

/* --- the ERP --- */
byte documents;                  /* created by us under the reference, voided ones included */
bool voided;                     /* a person voided ours */
byte foreign;                    /* another document under the same reference: 0 no, 1 live, 2 voided */
byte left[3];                    /* 0: no request under way; else it is decided before so many ticks have passed */
bool deaf[3];                    /* whoever sent it does not listen any more */
mtype:answer answer[3] = none;

byte about_to_send;              /* workers between the renewal of the lease and the first byte */
bool calm;                       /* from now on nothing fails, nobody is killed, nobody derives */

#define MOVE(from, to) assert(state == from); state = to
/* Whether this empty look-up is the second one, begun SETTLE after the first had ended. */
#if defined(NO_SECOND_LOOK_UP)
#define PROVED true
#elif defined(COUNTED_FROM_THE_ANSWER)
#define PROVED (first_empty == SETTLE + 1)
#else
#define PROVED (first_empty > 0 && since >= SETTLE)
#endif

#define SETTLED (state == posted || state == held || state == rejected || state == conflict || state == closed)
#define CREATED_TWICE (documents != 0)

#ifdef ONLY_DOUBLE_POSTING
#define ALSO(claim) skip
#else
#define ALSO(claim) assert(claim)
#endif

/* An attempt without an open question leaves nothing to be counted from. */
inline outcome_is_known() {
    if
    :: suspect == me -> suspect = NOBODY; first_empty = 0
    :: else
    fi
}

inline leave_posting() {
    holder = NOBODY; lease = 0; suspect = NOBODY; first_empty = 0
}

/* Compare-and-set of journal.attempt_id; a new lease begins. */
inline new_attempt() {
    same_attempt[1] = false; same_attempt[2] = false;
    holder = me; lease = LEASE
}

/* The ERP has one seat per request under way. */
inline take_seat() {
    if
    :: left[1] == 0 && answer[1] == none -> seat = 1
    :: else ->
        if
        :: left[2] == 0 && answer[2] == none -> seat = 2
        :: else -> false                           /* a third one at once adds nothing: this path ends here */
        fi
    fi
}

inline leave_seat() {
    if
    :: seat == 0
    :: seat != 0 && left[seat] != 0 -> deaf[seat] = true
    :: seat != 0 && left[seat] == 0 -> answer[seat] = none
    fi;
    seat = 0
}

proctype worker(byte me) {
    byte round, since, seat;
    mtype:finding found = nothing;

start:                           /* Poster.post: by schedule, retry, clear or another run, at any time */
    atomic {
        if
        :: state == drafted ->                     /* checking.check */
            if
            :: MOVE(drafted, ready)
            :: MOVE(drafted, held)
            fi;
            goto start
        :: state == ready -> same_revision[me] = true; goto begin
        :: state == posting -> same_revision[me] = true; same_attempt[me] = true; goto take_over
        :: else -> goto start                      /* done, or refused until a person decides */
        fi
    }

begin:                           /* Attempts.begin */
    atomic {
        if
        :: state == ready && same_revision[me] ->
            MOVE(ready, posting); frozen = true; new_attempt(); goto look_up
        :: !(state == ready && same_revision[me]) -> goto gone
        :: !calm -> goto gone
        fi
    }

take_over:                       /* Attempts.take_over */
    atomic {
        if
        :: state == posting && same_attempt[me] ->
            if
#ifndef NO_LEASE
            :: lease > 0 -> goto gone     /* LeaseRunning */
#endif
            :: else -> new_attempt(); goto look_up
            fi
        :: !(state == posting && same_attempt[me]) -> goto gone
        :: !calm -> goto gone
        fi
    }

look_up:                         /* Poster._carry_out: asked_at */
    atomic {
        same_attempt[me] = false;
#ifdef NO_LOOK_UP
        goto create;
#endif
        if
        :: first_empty > 0 -> since = first_empty - 1
        :: else -> since = 0
        fi
    }

find:                            /* Erp.find: the ERP answers with what it shows at this moment */
    atomic {
        if
        :: documents + foreign == 0 -> found = nothing
        :: documents == 1 && foreign == 0 && !voided -> found = ours
        :: documents > 1 || foreign > 0 || voided -> found = another
        :: !calm -> found = no_reliable_answer
        :: !calm -> goto gone
        fi
    }

found_out:
    atomic {
        if
        :: !calm -> goto gone
        :: found == no_reliable_answer ->
#ifdef FAILED_LOOK_UP_IS_EMPTY
            found = nothing; goto proof
#else
            if                                     /* Attempts.end: lookup_failed, the lease is given back */
            :: holder == me -> lease = 0
            :: else
            fi;
            goto gone
#endif
        :: found == ours && holder == me && state == posting ->       /* Poster._adopt, _confirm */
            MOVE(posting, posted); leave_posting(); goto gone
        :: found == another && holder == me && state == posting ->    /* Poster._adopt */
            MOVE(posting, conflict); leave_posting(); goto gone
        :: (found == ours || found == another) && holder != me -> goto gone
        :: found == nothing -> goto proof
        fi
    }

proof:                           /* Attempts.require_proof_of_absence */
    atomic {
        if
        :: holder != me -> goto gone      /* _LostLease */
        :: !calm -> goto gone
        :: holder == me ->
            if
            :: suspect == NOBODY || PROVED -> suspect = NOBODY; first_empty = 0; goto create
            :: !(suspect == NOBODY || PROVED) ->
                if
                :: first_empty == 0 -> first_empty = 1
                :: else
                fi;
                /* absent_once: looked up once more when this lease has ended */
#ifdef NO_WAIT_AFTER_THE_FIRST
                lease = 0;
#else
                lease = SETTLE - since;
#endif
                goto gone
            fi
        fi
    }

create:                          /* Erp.create, before before_send: log-on, template, checks of the client's own */
    atomic {
        since = 0; found = nothing; round++;
        if
        :: goto before_send
        :: !calm -> goto not_executed
        :: !calm -> goto reject
        :: !calm ->                                /* any other error: Attempts.end, not_sent */
            if
            :: holder == me -> lease = 0
            :: else
            fi;
            goto gone
        :: !calm -> goto gone
        fi
    }

before_send:                     /* attempts.py: the renewal */
    atomic {
        if
#ifndef NO_HOLD_CHECK
        :: holder != me -> goto gone      /* _LostLease */
        :: holder == me ->
#else
        :: true ->
#endif
#ifndef NO_RENEWAL
            lease = LEASE;
#endif
            suspect = me; first_empty = 0; about_to_send++
        :: !calm -> goto gone
        fi
    }

send:
    atomic {
        about_to_send--;
        if
        :: ALSO(same_revision[me]);                /* what is sent is what the ledger holds */
            ALSO(documents == 0 && foreign == 0);  /* never beside a document that the ERP showed */
            ALSO(left[1] == 0 && left[2] == 0);    /* never two creates under way */
            take_seat();
            left[seat] = REQUEST + SETTLE + LATE; deaf[seat] = false;
        :: !calm ->                                /* leased too slowly: not_sent, sent_at = None */
            outcome_is_known();
            if
            :: holder == me -> lease = 0
            :: else
            fi;
            goto gone
        :: !calm -> goto gone
        fi
    }

answered:
    atomic {
        if
        :: answer[seat] == created -> leave_seat(); goto confirm
        :: answer[seat] == refused -> leave_seat(); goto reject
        :: answer[seat] == not_carried_out -> leave_seat(); goto not_executed
        :: answer[seat] == lost || !calm ->        /* a reset, a time-out, an unreadable answer: whatever became of it */
#ifdef CLIENT_REPEATS
            leave_seat(); about_to_send++; goto send
#endif
            goto gone                     /* Poster._unknown; a killed worker leaves the same behind */
        fi
    }

confirm:                         /* Poster._confirm */
    atomic {
        if
        :: holder == me && state == posting ->
            MOVE(posting, posted); leave_posting(); goto gone
        :: holder != me || state != posting -> goto gone   /* rolled back: whoever took it over finds the document */
        :: !calm -> goto gone
        fi
    }

reject:                          /* Poster._reject */
    atomic {
        if
        :: !calm -> goto gone
        :: true ->
            outcome_is_known();
            if
            :: holder == me && state == posting -> MOVE(posting, rejected); frozen = false; leave_posting()
            :: else
            fi;
            goto gone
        fi
    }

not_executed:                    /* Poster._not_executed */
    atomic {
        if
        :: !calm -> goto gone
        :: true ->
            outcome_is_known();
            if
            :: holder == me && state == posting && round == MOST_CREATES ->
                MOVE(posting, ready); leave_posting(); goto gone
            :: holder == me && state == posting && round < MOST_CREATES -> new_attempt(); goto look_up
            :: holder != me || state != posting -> goto gone
            fi
        fi
    }

gone:                            /* it raised, returned or was killed: what it knew is gone, what it wrote and sent stays */
    atomic {
        leave_seat();
        if :: holder == me -> holder = A_DEAD_ONE :: else fi;
        if :: suspect == me -> suspect = A_DEAD_ONE :: else fi;
        same_revision[me] = false; same_attempt[me] = false;
        round = 0; since = 0; found = nothing;
        goto start
    }
}

/* Decides requests in any order: takes effect, refuses, was never carried out, or never arrives. */
proctype erp() {
    byte seat;
    do
    :: atomic {
        if
        :: left[1] > 0 -> seat = 1
        :: left[2] > 0 -> seat = 2
        fi;
        left[seat] = 0;
        if
        :: assert(!CREATED_TWICE);
            ALSO(state == posting);                /* nobody has decided on the journal meanwhile */
            documents++; answer[seat] = created
        :: answer[seat] = refused
        :: !calm -> answer[seat] = not_carried_out
        :: !calm -> answer[seat] = lost
        fi;
        if
        :: deaf[seat] -> answer[seat] = none; deaf[seat] = false
        :: else
        fi;
        seat = 0
    }
    od
}

/* include/ledger/settle.py, derivation.py, and what people do in the ERP itself. */
proctype people() {
    do
    :: atomic { documents > 0 && !voided -> voided = true }
    :: atomic { foreign == 1 -> foreign = 2 }
    :: atomic { state == held -> MOVE(held, posted); frozen = true }                /* adopt */
    :: atomic { state == rejected -> MOVE(rejected, posted); frozen = true }
    :: atomic { state == conflict -> MOVE(conflict, posted) }
    :: atomic { state == drafted -> MOVE(drafted, closed) }                         /* close */
    :: atomic { state == held -> MOVE(held, closed) }
    :: atomic { state == rejected -> MOVE(rejected, closed) }
    :: atomic { state == conflict -> MOVE(conflict, closed) }                       /* close; reissue, see the next line */
    :: atomic { state == posted && (documents == 0 || voided) && foreign != 1 -> MOVE(posted, closed) }   /* reissue */
    :: atomic { !calm && !frozen && state == held -> MOVE(held, drafted); same_revision[1] = false; same_revision[2] = false }
    :: atomic { !calm && !frozen && state == rejected -> MOVE(rejected, drafted); same_revision[1] = false; same_revision[2] = false }
    :: atomic { !calm && !frozen && state == ready -> MOVE(ready, drafted); same_revision[1] = false; same_revision[2] = false }
    :: atomic { !calm && !frozen && state == drafted -> MOVE(drafted, closed); emptied = true }
    :: atomic { !calm && emptied && state == closed -> MOVE(closed, drafted); emptied = false }
    :: atomic { !calm -> calm = true }
    od
}

#ifdef FROZEN_WORKER
#define NOBODY_IS_SENDING true
#else
#define NOBODY_IS_SENDING (about_to_send == 0)
#endif
/* In the calm a live worker gets from its lease to its answer before the lease ends. */
#ifdef OVERTAKEN_FOREVER
#define NOBODY_IS_OVERTAKEN true
#else
#define NOBODY_IS_OVERTAKEN (!calm || lease != 1 || (holder != 1 && holder != 2))
#endif

init {
    atomic {
        if
        :: foreign = 0
        :: foreign = 1
        :: foreign = 2
        fi;
        run worker(1); run worker(2); run erp(); run people()
    }
    do
    :: atomic {
        (lease > 0 || left[1] > 0 || left[2] > 0 || (first_empty > 0 && first_empty <= SETTLE)) &&
        left[1] != 1 && left[2] != 1 && NOBODY_IS_SENDING && NOBODY_IS_OVERTAKEN ->
#ifndef ENDLESS_LEASE
        if :: lease > 0 -> lease-- :: else fi;
#endif
        if :: left[1] > 0 -> left[1]-- :: else fi;
        if :: left[2] > 0 -> left[2]-- :: else fi;
        if :: first_empty > 0 && first_empty <= SETTLE -> first_empty++ :: else fi
    }
    od
}

#ifdef PROGRESS
/* However it got there: once nothing fails any more, the journal comes to an end or to a person. */
ltl progress { [] (calm -> <> SETTLED) }
#endif
