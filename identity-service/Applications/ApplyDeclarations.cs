using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <summary>
/// Brings the applications to what the file declares, at the start. Only a version that is greater than every one before counts, whichever
/// replica applied it. One transaction applies all of it, or nothing.
/// </summary>
internal sealed partial class ApplyDeclarations(
    IdentityDb db, StoreApplication store, IOptions<ApplicationOptions> options, IOptions<TokenOptions> tokens,
    LogoutNetworks networks, IHostEnvironment environment, TimeProvider clock, SecurityEvents events, ILogger<ApplyDeclarations> logger)
{
    // The row of the version decides, and stays locked until the commit. It is needed besides the rows of the applications, because a file
    // may declare none.
    private const string RaiseVersion =
        """
        INSERT INTO declared_files AS f (name, version, digest, applied_at) VALUES ('applications', @version, @digest, now())
        ON CONFLICT (name) DO UPDATE SET version = excluded.version, digest = excluded.digest, applied_at = excluded.applied_at
        WHERE f.version < excluded.version
        """;

    // Equal secrets keep their rows, and so their ids.
    private const string StoreSecrets =
        """
        WITH removed AS (DELETE FROM application_secrets WHERE application_id = @application AND NOT hash = ANY (@hashes))
        INSERT INTO application_secrets (id, application_id, hash, created_at)
        SELECT gen_random_uuid(), @application, hash, now() FROM unnest(@hashes) AS declared (hash)
        WHERE NOT EXISTS (SELECT FROM application_secrets s WHERE s.application_id = @application AND s.hash = declared.hash)
        """;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (options.Value.File is not { Length: > 0 } path)
        {
            return;
        }

        var (declarations, problems) = ReadDeclarations.Read(path, tokens.Value, environment.IsDevelopment(), networks);
        if (declarations is null) // it changed after the settings were checked
        {
            throw Refuse(problems);
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        NpgsqlParameter[] version = [new("version", declarations.Version), new("digest", declarations.Digest)];
        if (await db.Database.ExecuteSqlRawAsync(RaiseVersion, version, cancellationToken) == 0)
        {
            await ExplainAsync(declarations, cancellationToken);
            return;
        }

        var written = await ApplyAsync(declarations, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        foreach (var securityEvent in written)
        {
            events.Write(securityEvent, context: null);
        }

        LogApplied(declarations.Version, declarations.Applications.Count);
    }

    private static StartRefusedException Refuse(IEnumerable<string> problems) =>
        new(string.Join("\n  - ", problems.Select(problem => $"Identity:Applications:File {problem}")));

    private async Task<IReadOnlyList<SecurityEvent>> ApplyAsync(Declarations declarations, CancellationToken cancellationToken)
    {
        var names = declarations.Applications.Select(declared => declared.ClientId).ToArray();
        var found = await LockApplication.RunForFileAsync(db, names, cancellationToken);
        var others = declarations.Applications.Join(
            found, declared => declared.ClientId, application => application.ClientId, (declared, application) => (declared, application))
            .Where(pair => pair.declared.Settings.Kind != pair.application.Settings.Kind).ToList();
        if (others.Count > 0)
        {
            throw Refuse(others.Select(pair =>
                $"names a file in which kind of {pair.declared.ClientId} must stay {pair.application.Settings.Kind}: a kind never changes. "
                + "Give the new application another client_id."));
        }

        List<SecurityEvent> written = [];
        foreach (var missing in found.Where(application => !names.Contains(application.ClientId)))
        {
            // From now on, admins manage it.
            await store.ChangeAsync(missing, missing.Settings, isDisabled: true, declaredVersion: null, cancellationToken);
            written.Add(SecurityEvent.ApplicationChanged(adminId: null, missing.Id, "disabled"));
        }

        foreach (var declared in declarations.Applications)
        {
            var id = Guid.CreateVersion7(clock.GetUtcNow());
            if (found.FirstOrDefault(application => application.ClientId == declared.ClientId) is { } application)
            {
                id = application.Id;
                var changes = await store.ChangeAsync(
                    application, declared.Settings, declared.IsDisabled, declarations.Version, cancellationToken);
                if (changes.Length > 0)
                {
                    written.Add(SecurityEvent.ApplicationChanged(adminId: null, id, changes));
                }
            }
            else if (await store.AddAsync(
                id, declared.ClientId, declared.Settings, declared.IsDisabled, declarations.Version, cancellationToken))
            {
                written.Add(SecurityEvent.ApplicationCreated(adminId: null, id));
            }
            else
            {
                throw Refuse([$"names {declared.ClientId}, which an admin has created just now. Start again."]);
            }

            await db.Database.ExecuteSqlRawAsync(
                StoreSecrets,
                [new NpgsqlParameter("application", id), new NpgsqlParameter("hashes", declared.SecretHashes.ToArray())],
                cancellationToken);
        }

        return written;
    }

    private async Task ExplainAsync(Declarations declarations, CancellationToken cancellationToken)
    {
        var applied = (await db.Database.SqlQuery<Applied>(
            $"""SELECT version AS "Version", digest AS "Digest" FROM declared_files WHERE name = 'applications'""")
            .ToListAsync(cancellationToken))[0];
        if (applied.Version > declarations.Version)
        {
            LogOlder(declarations.Version, applied.Version);
        }
        else if (!applied.Digest.AsSpan().SequenceEqual(declarations.Digest))
        {
            LogOtherContent(declarations.Version);
        }
    }

    private sealed record Applied(int Version, byte[] Digest);

    [LoggerMessage(LogLevel.Information, "Applied version {Version} of the file of applications, which declares {Count}")]
    private partial void LogApplied(int version, int count);

    [LoggerMessage(
        LogLevel.Warning, "The file of applications has version {Version}, and version {Applied} is in force: this file is not applied")]
    private partial void LogOlder(int version, int applied);

    [LoggerMessage(
        LogLevel.Warning,
        "The file of applications, or a secret that it names, changed without a greater version than {Version}: the change is not applied")]
    private partial void LogOtherContent(int version);
}
