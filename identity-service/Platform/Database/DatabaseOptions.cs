using AuthMesh.Settings;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>The section <c>Identity:Database</c>.</summary>
public sealed class DatabaseOptions
{
    // A caller hears 503 at once when PostgreSQL is gone, and within three seconds when it is slow: three to get a connection, or two
    // to run a command and half a second to cancel it. One that accepts connections and never answers costs the first caller five,
    // since the cancellation waits for a connection too. Keepalive finds a peer that vanished without a word; a failover is noticed
    // after a second, not ten. Twenty connections for each replica leave room for four beside PostgreSQL's default of 100. What is asked
    // often is prepared, since to plan a refresh takes PostgreSQL longer than to do it; and a connection goes back to the pool as it is:
    // whoever locks here unlocks, who listens gives back a lost connection only, and the statements that would undo what nobody did would
    // cost more than the plan. Kerberos, which Npgsql would try first,
    // wants a library that the service's image does not hold; without it, that is a complaint in the log and a round trip.
    private const string Defaults =
        "Timeout=3;Command Timeout=2;Cancellation Timeout=500;Keepalive=15;Host Recheck Seconds=1;Maximum Pool Size=20;"
        + "Max Auto Prepare=50;No Reset On Close=true;GSS Encryption Mode=Disable;Application Name=identity-service;";

    private const string PatientDefaults = Defaults + "Timeout=15;Command Timeout=30;";

    /// <summary>An Npgsql connection string; what it sets wins over the defaults above.</summary>
    public string ConnectionString { get; set; } = "";

    public string ConnectionStringFile { get; set; } = "";

    /// <summary>A file with the password, where the connection string has none.</summary>
    public string PasswordFile { get; set; } = "";

    /// <summary>Whether nobody waits for an answer by HTTP, so that slow statements may finish.</summary>
    internal bool IsPatient { get; set; }

    internal NpgsqlConnectionStringBuilder Read()
    {
        var defaults = IsPatient ? PatientDefaults : Defaults;
        var builder = new NpgsqlConnectionStringBuilder(defaults + Secret.Read(ConnectionString, ConnectionStringFile));
        if (PasswordFile.Length > 0)
        {
            builder.Password = Secret.Read("", PasswordFile);
        }

        return builder;
    }

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
                isDevelopment || !(IsPreset(builder.Password) || IsPreset(password)), Key,
                "has the preset password of the quick start, which is public. Give the database one of its own.");
            problems.Unless(
                string.IsNullOrEmpty(builder.Password) || PasswordFile.Length == 0, Key,
                "has a password, and Database:PasswordFile is set. Keep one.");
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or KeyNotFoundException)
        {
            problems.Unless(false, Key, "is no Npgsql connection string. An example: Host=postgres;Database=authmesh;Username=authmesh.");
        }
    }
}
