using System.Security.Authentication;
using AuthMesh.Errors;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>How this service reacts to a fault of PostgreSQL.</summary>
internal enum FaultKind
{
    /// <summary>It ends by itself. Requests get 503, and the start waits.</summary>
    Passing,

    /// <summary>
    /// An operator must repair something. Requests get 503. The start waits and names the reason: an operator can provide a role, a
    /// password, a database or disk space meanwhile, and a deployment starts its parts in any order.
    /// </summary>
    Repairable,

    /// <summary>
    /// An operator must provide another database, schema or set of rights. Requests get 503. The service refuses to start and names the
    /// cure: if it waited, it would look like a service that waits for PostgreSQL.
    /// </summary>
    Permanent,

    /// <summary>One of our statements is wrong. Requests get 500, and the service refuses to start.</summary>
    Ours,
}

/// <param name="Code">The SQLSTATE; empty if PostgreSQL was not reached.</param>
/// <param name="Description">The fault and its cure, without a host, user, database or secret, because readiness shows it.</param>
/// <param name="IsOfConnection">Whether the fault lasts as long as the connection, even after the server recovers.</param>
internal sealed record DatabaseFault(FaultKind Kind, string Code, string Description, bool IsOfConnection);

/// <summary>
/// Classifies the faults of PostgreSQL. A database that cannot be reached or used is a 503, not a fault of ours. The table follows
/// "PostgreSQL Error Codes", appendix A of PostgreSQL's documentation.
/// </summary>
internal static class DatabaseUnavailable
{
    public static readonly Failure Failure = CommonFailures.Unavailable(
        "database_unavailable", "Accounts are not available right now", TimeSpan.FromSeconds(2));

    /// <summary>The cure for a database whose encoding is not UTF8.</summary>
    public const string EncodingCure =
        "Create a database with: CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'; and name it in Identity:Database:ConnectionString.";

    private const string Schema =
        "Restore the whole database from one backup, or give the service an empty database.";

    private const string Rights =
        "The service's user needs CONNECT on the database, USAGE and CREATE on its schema, and must own the service's tables: "
        + "GRANT USAGE, CREATE ON SCHEMA public TO …; If another user migrates, it needs USAGE on the schema, SELECT, INSERT, UPDATE "
        + "and DELETE on every table, and USAGE and SELECT on every sequence instead.";

    private const string ServerLog = "PostgreSQL's own log says more.";

    private static readonly Meaning Unknown = Repairable("answers with a code that its documentation does not have", ServerLog);

    // The key is a SQLSTATE, or its first two characters for the rest of the class.
    private static readonly Dictionary<string, Meaning> Meanings = new(StringComparer.Ordinal)
    {
        ["00"] = Ours, // successful completion
        ["01"] = Ours, // warning
        ["02"] = Ours, // no data
        ["03"] = Ours, // SQL statement not yet complete
        ["08"] = Passing("cannot be reached"), // connection exception. Poolers answer 08P01 to everything.
        ["09"] = Ours, // triggered action exception
        ["0A"] = Ours, // feature not supported; Classify knows the exception
        ["0B"] = Ours, // invalid transaction initiation
        ["0F"] = Ours, // locator exception
        ["0L"] = Ours, // invalid grantor
        ["0P"] = Ours, // invalid role specification
        ["0Z"] = Ours, // diagnostics exception
        ["10"] = Ours, // XQuery error
        ["20"] = Ours, // case not found
        ["21"] = Ours, // cardinality violation
        ["22"] = Ours, // data exception. 22021 too: in a UTF8 database it is a U+0000 that we let through.
        ["22P05"] = Permanent("cannot store a character in its encoding", EncodingCure), // untranslatable character
        ["23"] = Ours, // integrity constraint violation
        ["24"] = Ours, // invalid cursor state
        ["25"] = Ours, // invalid transaction state
        ["25006"] = OfConnection("is read-only, as after a fail-over"), // read-only SQL transaction; also what a standby answers
        ["25P03"] = Passing("ended a transaction that was idle for too long"),
        ["25P04"] = Passing("ended a transaction that took too long"),
        ["26"] = OfConnection("has lost a prepared statement, as behind a pooler in transaction mode"), // invalid SQL statement name
        ["27"] = Ours, // triggered data change violation
        ["28"] = Repairable( // invalid authorization specification
            "refuses the user or the password", "Correct Identity:Database and restart, or correct the role in PostgreSQL."),
        ["2B"] = Ours, // dependent privilege descriptors still exist
        ["2D"] = Ours, // invalid transaction termination
        ["2F"] = Ours, // SQL routine exception
        ["34"] = Ours, // invalid cursor name
        ["38"] = Repairable("runs a function that fails", ServerLog), // external routine exception: we have none
        ["39"] = Repairable("runs a function that fails", ServerLog), // external routine invocation exception
        ["3B"] = Ours, // savepoint exception
        ["3D"] = Repairable( // invalid catalog name
            "does not have the database", "Create it, or correct Identity:Database:ConnectionString and restart."),
        ["3F"] = Permanent( // invalid schema name
            "does not have the schema", "Create it, or correct the search path of the service's user."),
        ["40"] = Passing("rolled a transaction back"), // deadlock, serialization failure
        ["40002"] = Ours, // transaction integrity constraint violation
        ["42"] = Ours, // syntax error or access rule violation
        ["42501"] = Permanent("denies a right", Rights), // insufficient privilege
        ["42703"] = Permanent("lacks a column of this version", Schema), // undefined column
        ["42883"] = Permanent("lacks a function of this version", Schema), // undefined function
        ["42P01"] = Permanent("lacks a table of this version", Schema), // undefined table
        ["42P05"] = OfConnection( // duplicate prepared statement
            "has another's prepared statement, as behind a pooler in transaction mode"),
        ["44"] = Ours, // WITH CHECK OPTION violation
        ["53"] = Passing("is out of resources"), // insufficient resources
        ["53100"] = Repairable("has no disk space left", "Free some."), // disk full
        ["53300"] = Passing("has no connection left"), // too many connections
        ["54"] = Ours, // program limit exceeded
        ["55"] = Passing("does not take this statement now"), // object not in prerequisite state: in recovery, locked, closed
        ["55P02"] = Ours, // cannot change runtime parameter
        ["55P04"] = Ours, // unsafe new enum value usage
        ["57"] = Passing("is starting, stopping or under maintenance"), // operator intervention
        ["57014"] = Passing("canceled a statement"), // query canceled
        ["57P04"] = Repairable("dropped the database", "Create it again."), // database dropped
        ["58"] = Repairable("reports a fault of its files or its machine", ServerLog), // system error
        ["72"] = Passing("lost a snapshot"), // snapshot failure, until version 16
        ["F0"] = Repairable("has a bad configuration file", ServerLog), // configuration file error
        ["HV"] = Repairable("reports a fault of foreign data", ServerLog), // foreign data wrapper error: we have none
        ["P0"] = Repairable("has a function that refuses the statement", ServerLog), // PL/pgSQL error: our functions raise none
        ["XX"] = Repairable("reports an internal error", ServerLog), // internal error; XX001 and XX002 mean damaged data
    };

    private static Meaning Ours => new(FaultKind.Ours, "refuses a statement of this service");

    /// <returns>The fault, or null if the database had no part in the exception.</returns>
    public static DatabaseFault? Classify(Exception? exception) => FindCause(exception) switch
    {
        null => null,
        PostgresException answered => Of(answered).ToFault(answered.SqlState),
        NoPrimaryException { InnerException: PostgresException answered } => Of(answered).ToFault(answered.SqlState),
        var unanswered => OfUnanswered(unanswered).ToFault(""),
    };

    /// <summary>Finds Npgsql's exception, which Entity Framework wraps; null if the database had no part in it.</summary>
    public static NpgsqlException? FindCause(Exception? exception) => exception switch
    {
        null => null,
        NpgsqlException cause => cause,
        _ => FindCause(exception.InnerException),
    };

    /// <summary>Whether the table knows the code, or its class.</summary>
    public static bool Knows(string sqlState) => Find(sqlState) is not null;

    private static Meaning Of(PostgresException answered) => answered switch
    {
        // "cached plan must not change result type": another replica migrated a table that a prepared statement of this connection uses.
        { SqlState: PostgresErrorCodes.FeatureNotSupported, Routine: "RevalidateCachedQuery" } => OfConnection("has changed a table"),
        _ => Find(answered.SqlState) ?? Unknown,
    };

    private static Meaning? Find(string sqlState) =>
        Meanings.GetValueOrDefault(sqlState) ?? (sqlState.Length == 5 ? Meanings.GetValueOrDefault(sqlState[..2]) : null);

    // Npgsql has no codes for its own refusals; a test pins their texts.
    private static Meaning OfUnanswered(NpgsqlException cause) => cause switch
    {
        NoPrimaryException => Passing("has no primary, as during a fail-over"),
        NotDurableException missing => Repairable(missing.Message, missing.Cure),
        UnconfirmedCommitException => Passing("has no second host that confirms a commit"),
        { InnerException: AuthenticationException } => Repairable(
            "presents a certificate that is not trusted",
            "Correct the certificate, or SSL Mode and Root Certificate in the connection string."),
        _ when cause.Message.StartsWith("No password has been provided", StringComparison.Ordinal) => Repairable(
            "demands a password", "Set Identity:Database:PasswordFile and restart."),
        _ when cause.Message.StartsWith("SSL connection requested", StringComparison.Ordinal) => Repairable(
            "does not offer TLS", "Set ssl = on in PostgreSQL, or correct SSL Mode in the connection string."),
        _ => Passing("cannot be reached"),
    };

    private static Meaning Passing(string reason) => new(FaultKind.Passing, reason);

    private static Meaning OfConnection(string reason) => new(FaultKind.Passing, reason, IsOfConnection: true);

    private static Meaning Repairable(string reason, string cure) => new(FaultKind.Repairable, reason, cure);

    private static Meaning Permanent(string reason, string cure) => new(FaultKind.Permanent, reason, cure);

    private sealed record Meaning(FaultKind Kind, string Reason, string Cure = "", bool IsOfConnection = false)
    {
        public DatabaseFault ToFault(string code) => new(
            Kind,
            code,
            $"PostgreSQL {Reason}" + (code.Length > 0 ? $" ({code})" : "") + (Cure.Length > 0 ? $". {Cure}" : ""),
            IsOfConnection);
    }
}
