using System.Buffers.Text;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Passkeys;

/// <param name="Name">How the owner calls it; a name with the date unless given.</param>
/// <param name="Credential">What <c>navigator.credentials.create()</c> made, as JSON.</param>
/// <param name="State">The text that came with the options.</param>
public sealed record AddPasskeyRequest(
    string? Name = null, [property: Required] JsonElement? Credential = null,
    [property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? State = null);

public sealed record AddPasskeyResponse(string Status, string Message, Guid Id, string Name);

/// <summary>Adds a passkey to the caller's account, in two steps: the options for the browser, then what the browser made.</summary>
internal sealed class AddPasskey(
    IdentityDb db, PasskeyCeremony ceremony, SpendPasskey spend, Outbox outbox, TimeProvider clock, SecurityEvents events)
{
    /// <summary>No person has 20 authenticators. The options list all of them.</summary>
    public const int Maximum = 20;

    private static readonly Failure
        TooMany = new(StatusCodes.Status409Conflict, "too_many_passkeys", "An account has at most 20 passkeys. Remove one first"),
        Registered = new(StatusCodes.Status409Conflict, "passkey_exists", "This passkey is already registered");

    // The handle never changes, or earlier passkeys would sign in to nothing.
    private const string Prepare =
        $"""
        {Caller.WithRecentProof}
        UPDATE users SET passkey_handle = @handle FROM caller WHERE users.id = caller.id AND users.passkey_handle IS NULL
        """;

    private const string Insert =
        """
        INSERT INTO passkeys (
            id, user_id, credential_id, public_key, name, sign_count, transports, is_backup_eligible, is_backed_up, created_at)
        VALUES (@id, @user, @credential, @key, @name, @count, @transports, @eligible, @backed_up, now())
        ON CONFLICT (credential_id) DO NOTHING
        """;

    // WebAuthn §5.8.4. The authenticator chose the texts, and later options repeat them.
    private static readonly string[] Transports = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

    public static void Map(IEndpointRouteBuilder group)
    {
        group.MapPost("/options", HandleOfferAsync).RequireRecentSignIn(ProvedMethods.LongestAge).ProducesFailure(TooMany);
        group.MapPost("", HandleAsync).RequireRecentSignIn(ProvedMethods.LongestAge)
            .ProducesFailure(PasskeyChallenge.Invalid, PasskeyCeremony.RefusedForCaller, Registered, TooMany);
    }

    /// <returns>The options for the browser, or the refusal.</returns>
    public async Task<(PasskeyOptionsResponse? Options, Failure? Refusal)> OfferAsync(
        HttpContext context, CancellationToken cancellationToken)
    {
        var (account, refusal) = await OwnAccount.DemandRecentProofAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return (null, refusal);
        }

        var handle = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(PasskeyAccount.HandleBytes));
        await db.Database.ExecuteSqlRawAsync(
            Prepare, [.. Caller.Of(context.User).Parameters, new NpgsqlParameter("handle", handle)], cancellationToken);
        return await PasskeyAccount.FindAsync(db, user => user.Id == account.Id, cancellationToken) switch
        {
            null => (null, CommonFailures.InvalidToken()), // the session ended, or the account went, at this moment
            { Passkeys.Count: >= Maximum } => (null, TooMany),
            var found => (await ceremony.OfferNewAsync(found, context), null),
        };
    }

    /// <returns>The passkey, or the refusal.</returns>
    public async Task<(AddPasskeyResponse? Added, Failure? Refusal)> RunAsync(
        string? name, JsonElement credential, string state, HttpContext context, CancellationToken cancellationToken)
    {
        name = PasskeyName.Read(name) ?? string.Create(CultureInfo.InvariantCulture, $"Passkey of {clock.GetUtcNow():yyyy-MM-dd}");

        // 1. Lock the account, so that it changes in one way at a time.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (account, refusal) = await LockedAccount.LockAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return (null, refusal);
        }

        // 2. Check the credential, and use the challenge up.
        var (made, challenge, fault) = await ceremony.VerifyNewAsync(account.Id, state, credential, context);
        if (made is null)
        {
            return (null, fault);
        }

        if (!await spend.TakeChallengeAsync(challenge!, cancellationToken))
        {
            return (null, PasskeyChallenge.Invalid);
        }

        // 3. Add it. The unique index decides whether another account has it.
        if (account.Factors.Passkeys >= Maximum)
        {
            return (null, TooMany);
        }

        var id = Guid.CreateVersion7(clock.GetUtcNow());
        if (await db.Database.ExecuteSqlRawAsync(Insert, Parameters(id, account.Id, name, made), cancellationToken) == 0)
        {
            return (null, Registered);
        }

        await account.RaiseAsync(db, account.TwoStep, cancellationToken);
        await outbox.NotifyAsync(
            account.Id, MailKind.SignInMethodAdded, new Dictionary<string, string> { ["method"] = "passkey" },
            cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.PasskeyAdded(account.Id, Caller.Of(context.User).SessionId, id), context);
        return (new AddPasskeyResponse("success", "Passkey added", id, name), null);
    }

    private static async Task<Results<Ok<PasskeyOptionsResponse>, Failure>> HandleOfferAsync(
        HttpContext context, AddPasskey add, CancellationToken cancellationToken)
    {
        var (options, refusal) = await add.OfferAsync(context, cancellationToken);
        return options is not null ? TypedResults.Ok(options) : refusal!;
    }

    private static async Task<Results<Ok<AddPasskeyResponse>, Failure>> HandleAsync(
        AddPasskeyRequest request, HttpContext context, AddPasskey add, CancellationToken cancellationToken)
    {
        var errors = PasskeyAnswer.FindFaults(request.Credential, request.State);
        if (request.Name is not null && PasskeyName.FindFault(request.Name) is { } fault)
        {
            errors["name"] = [fault];
        }

        if (errors.Count > 0)
        {
            return CommonFailures.InvalidRequest(errors);
        }

        var (added, refusal) = await add.RunAsync(request.Name, request.Credential!.Value, request.State!, context, cancellationToken);
        return added is not null ? TypedResults.Ok(added) : refusal!;
    }

    private static NpgsqlParameter[] Parameters(Guid id, Guid userId, string name, UserPasskeyInfo made) =>
    [
        new("id", id), new("user", userId), new("credential", made.CredentialId), new("key", made.PublicKey), new("name", name),
        new("count", (long)made.SignCount), new("transports", Transports.Intersect(made.Transports ?? []).ToArray()),
        new("eligible", made.IsBackupEligible), new("backed_up", made.IsBackedUp),
    ];
}
