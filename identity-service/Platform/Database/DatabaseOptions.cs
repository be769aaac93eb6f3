using AuthMesh.Settings;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>When a write counts as done.</summary>
public enum RequiredDurability
{
    /// <summary>When PostgreSQL answers. Its configuration decides how many hosts have it by then.</summary>
    None,

    /// <summary>When two hosts have it.</summary>
    Quorum,
}

/// <summary>The section <c>Identity:Database</c>.</summary>
public sealed class DatabaseOptions
{
    // - Timeouts: a caller gets 503 at once if PostgreSQL is gone, and within three seconds if it is slow. Getting a connection may take
    //   three seconds, a command two, and its cancellation half a second. A server that accepts connections and never answers costs the
    //   first caller five seconds, because the cancellation waits for a connection too.
    // - Keepalive detects a peer that vanished silently.
    // - Maximum Pool Size: with 20 connections for each replica, four replicas fit into PostgreSQL's default of 100.
    // - Max Auto Prepare: planning a refresh takes PostgreSQL longer than running it.
    // - No Reset On Close: a reset would cost more than the plan and has nothing to undo. Code that locks also unlocks, and a listening
    //   connection returns to the pool only when it is lost.
    // - GSS Encryption Mode: Npgsql would try Kerberos first. The service's image lacks the library, so each try would cost a round trip
    //   and a complaint in the log.
    private const string Defaults =
        "Timeout=3;Command Timeout=2;Cancellation Timeout=500;Keepalive=15;Maximum Pool Size=20;"
        + "Max Auto Prepare=50;No Reset On Close=true;GSS Encryption Mode=Disable;Application Name=identity-service;";

    private const int MostHosts = 9; // each search for the primary connects to all of them

    private const string PatientDefaults = Defaults + "Timeout=15;Command Timeout=30;";

    /// <summary>The section of the service's settings that these belong to.</summary>
    internal const string Section = "Identity";

    /// <summary>An Npgsql connection string; it overrides the defaults above.</summary>
    public string ConnectionString { get; set; } = "";

    public string ConnectionStringFile { get; set; } = "";

    /// <summary>A file with the password, if the connection string has none.</summary>
    public string PasswordFile { get; set; } = "";

    /// <summary>When a write counts as done.</summary>
    public RequiredDurability RequireDurability { get; set; }

    internal bool RequiresQuorum => RequireDurability == RequiredDurability.Quorum;

    /// <summary>Whether slow statements may finish, because no HTTP caller waits for an answer.</summary>
    internal bool IsPatient { get; set; }

    /// <returns>The settings for each host that the connection string names.</returns>
    internal IReadOnlyList<NpgsqlConnectionStringBuilder> ReadHosts()
    {
        var defaults = IsPatient ? PatientDefaults : Defaults;
        var all = new NpgsqlConnectionStringBuilder(defaults + Secret.Read(ConnectionString, ConnectionStringFile));
        if (PasswordFile.Length > 0)
        {
            all.Password = Secret.Read("", PasswordFile);
        }

        if (RequiresQuorum)
        {
            // A commit that timed out breaks the connection. With a longer wait, Npgsql would read PostgreSQL's answer to the cancellation,
            // which is that the commit succeeded.
            all.CancellationTimeout = -1;
            // Without the warning, nothing would tell a commit that only one host has.
            all.Options = $"{all.Options} -c synchronous_commit=on -c client_min_messages=warning".TrimStart();
        }

        // The service looks for the primary by itself, see Primary.
        all.TargetSessionAttributes = null;
        all.Remove("Load Balance Hosts");
        return [.. SplitHosts(all).Select(host => new NpgsqlConnectionStringBuilder(all.ConnectionString) { Host = host })];
    }

    private static string[] SplitHosts(NpgsqlConnectionStringBuilder settings) =>
        (settings.Host ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static bool IsPreset(string? password) => password?.StartsWith(Secret.PresetPrefix, StringComparison.Ordinal) == true;

    internal void Check(SettingProblems problems, bool isDevelopment)
    {
        const string Key = "Database:ConnectionString";
        var text = Secret.TryRead(ConnectionString, ConnectionStringFile, Key, problems);
        var password = Secret.TryRead("", PasswordFile, "Database:Password", problems);
        if (text is null || password is null)
        {
            return;
        }

        try
        {
            var builder = new NpgsqlConnectionStringBuilder(text);
            problems.Unless(
                !string.IsNullOrEmpty(builder.Host) && !string.IsNullOrEmpty(builder.Database), Key,
                "must name the server and the database, for example Host=postgres;Database=authmesh;Username=authmesh.");
            problems.Unless(
                builder.TargetSessionAttributes is null or "any" or "primary" or "read-write", Key,
                "asks for a standby. Leave Target Session Attributes out, or set it to primary: the service writes.");
            problems.Unless(
                !RequiresQuorum || !builder.Multiplexing, Key,
                "has Multiplexing, with which RequireDurability cannot see the warnings of a commit. Leave it out.");
            problems.Unless(
                SplitHosts(builder).Length <= MostHosts, Key, $"names more than {MostHosts} hosts.");
            problems.Unless(
                isDevelopment || !(IsPreset(builder.Password) || IsPreset(password)), Key,
                "has the preset password of the quick start, which is public. Give the database one of its own.");
            problems.Unless(
                string.IsNullOrEmpty(builder.Password) || PasswordFile.Length == 0, Key,
                "has a password, and Database:PasswordFile is set. Keep one.");
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or KeyNotFoundException)
        {
            problems.Unless(false, Key, "is not an Npgsql connection string. Example: Host=postgres;Database=authmesh;Username=authmesh.");
        }
    }
}
