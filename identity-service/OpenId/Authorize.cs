using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>What comes next in an authorization. The pages render it.</summary>
internal abstract record AuthorizationStep
{
    /// <summary>The request is none, and leads nowhere.</summary>
    /// <param name="Reason">A key of the texts.</param>
    internal sealed record Refused(string Reason) : AuthorizationStep;

    /// <summary>The user signs in.</summary>
    internal sealed record SignIn(string Id, string? LoginHint) : AuthorizationStep;

    /// <summary>The signed-in user proves again who they are.</summary>
    internal sealed record Confirm(string Id) : AuthorizationStep;

    /// <summary>The user is asked whether the application may act for them.</summary>
    internal sealed record Ask(string Id, AuthorizationRequest Request, string Username) : AuthorizationStep;

    /// <summary>The browser goes back to the application.</summary>
    /// <param name="IsDirect">Whether no page of ours was shown, so that a redirect answers.</param>
    internal sealed record Return(AuthorizationAnswer Answer, bool IsDirect) : AuthorizationStep;
}

/// <summary>
/// Decides what an authorization request needs: a sign-in, a newer proof, the user's consent, or nothing. Only the cookie of a sign-in
/// names the user: with its token, an application could get codes for others.
/// </summary>
internal sealed class Authorize(
    IdentityDb db, Clients clients, StoredRequests storedRequests, ReadAuthorizationRequest readRequest, IssueCode issueCode,
    IdTokens idTokens, SecurityEvents events, IOptions<AuthMeshOptions> mesh)
{
    // Passkeys and authenticators by SQL: whether the account could prove two factors.
    private const string FindUser =
        $"""
        {Caller.With}
        SELECT u.id AS "Id", u.username AS "Username", s.methods::text AS "Methods", now() AS "Now",
            u.two_step OR EXISTS (SELECT FROM passkeys p WHERE p.user_id = u.id) AS "CanProveTwo",
            (SELECT c.scopes FROM consents c WHERE c.user_id = u.id AND c.application_id = @application) AS "Consented"
        FROM caller u JOIN sessions s ON s.id = u.session_id
        """;

    private const string Consent =
        """
        INSERT INTO consents AS c (user_id, application_id, scopes, granted_at) VALUES (@user, @application, @scopes, now())
        ON CONFLICT (user_id, application_id) DO UPDATE SET granted_at = now(),
            scopes = ARRAY(SELECT DISTINCT unnest(c.scopes || excluded.scopes))
        """;

    private const string Busy = "temporarily_unavailable"; // RFC 6749 §4.1.2.1

    private static readonly AuthorizationStep
        Unreadable = new AuthorizationStep.Refused("authorize.unreadable"),
        UnknownClient = new AuthorizationStep.Refused("authorize.unknown-client"),
        UnknownAddress = new AuthorizationStep.Refused("authorize.unknown-address"),
        Over = new AuthorizationStep.Refused("authorize.over");

    /// <summary>A request as the browser brings it.</summary>
    public async Task<AuthorizationStep> BeginAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (ProtocolParameters.TryParse(context.Request.QueryString) is not { } parameters)
        {
            return Unreadable;
        }

        if (await clients.FindAsync(parameters["client_id"], cancellationToken) is not { } client)
        {
            return UnknownClient;
        }

        TakenRequest? taken = null;
        if (parameters["request_uri"] is { } uri && uri.StartsWith(StoredRequests.UriPrefix, StringComparison.Ordinal))
        {
            taken = await storedRequests.TakeAsync(uri, client, cancellationToken);
            return taken is null ? Over : await ContinueAsync(taken, client, context, mayAsk: true, isDirect: true, cancellationToken);
        }

        return await NextAsync(client, parameters, taken, parameters.ToQuery(), context, mayAsk: true, isDirect: true, cancellationToken);
    }

    /// <summary>Stores a request that another site's form sent. The browser comes back with its address, and with its cookies.</summary>
    /// <returns>The query of that address, or the refusal.</returns>
    public async Task<(string? Query, AuthorizationStep? Refusal)> StoreAsync(
        ProtocolParameters? parameters, HttpContext context, CancellationToken cancellationToken)
    {
        if (parameters is null)
        {
            return (null, Unreadable);
        }

        if (await clients.FindAsync(parameters["client_id"], cancellationToken) is not { } client)
        {
            return (null, UnknownClient);
        }

        if (ReadAuthorizationRequest.FindReturn(client, parameters) is not { } leadsBack)
        {
            return (null, UnknownAddress);
        }

        if (readRequest.Run(client, leadsBack, parameters).Refusal is { } refusal)
        {
            return (null, Back(leadsBack.Error(refusal, mesh.Value.Issuer), isDirect: true));
        }

        var (requestUri, busy) = await storedRequests.PushAsync(client, parameters.ToQuery(), isPushed: false, context, cancellationToken);
        if (requestUri is null)
        {
            return (null, Back(leadsBack.Error(Busy, busy!.Message, mesh.Value.Issuer), isDirect: true));
        }

        return ($"?client_id={Uri.EscapeDataString(client.ClientId)}&request_uri={Uri.EscapeDataString(requestUri)}", null);
    }

    /// <summary>Goes on with a request after a page of ours.</summary>
    /// <param name="id">The request.</param>
    /// <param name="context">The request of the signed-in user.</param>
    /// <param name="cancellationToken">Cancels the statements.</param>
    public async Task<AuthorizationStep> ContinueAsync(string? id, HttpContext context, CancellationToken cancellationToken) =>
        await FindAsync(id, cancellationToken) is var (taken, client)
            ? await ContinueAsync(taken, client, context, mayAsk: true, isDirect: false, cancellationToken)
            : Over;

    /// <summary>Goes on with what the user decided.</summary>
    public async Task<AuthorizationStep> DecideAsync(
        string? id, bool isAllowed, HttpContext context, CancellationToken cancellationToken)
    {
        if (await FindAsync(id, cancellationToken) is not var (taken, client))
        {
            return Over;
        }

        var step = await ContinueAsync(taken, client, context, mayAsk: true, isDirect: false, cancellationToken);
        if (step is not AuthorizationStep.Ask { Request: var request })
        {
            return step; // a sign-in comes first, or nothing is left to ask
        }

        if (!isAllowed)
        {
            return await storedRequests.FinishAsync(taken.Id, cancellationToken)
                ? Back(request.Return.Error("access_denied", "The user refused", mesh.Value.Issuer), isDirect: false)
                : Over;
        }

        var caller = Caller.Of(context.User);
        await db.Database.ExecuteSqlRawAsync(
            Consent,
            [
                new NpgsqlParameter("user", caller.UserId), new NpgsqlParameter("application", client.Id),
                new NpgsqlParameter("scopes", request.Scopes),
            ],
            cancellationToken);
        events.Write(SecurityEvent.ConsentGiven(caller.UserId, caller.SessionId, client.Id), context);
        return await ContinueAsync(taken, client, context, mayAsk: false, isDirect: false, cancellationToken);
    }

    private static AuthorizationStep.Return Back(AuthorizationAnswer answer, bool isDirect) => new(answer, isDirect);

    private async Task<(TakenRequest, Client)?> FindAsync(string? id, CancellationToken cancellationToken) =>
        id is not null && await storedRequests.FindAsync(id, cancellationToken) is { } taken
        && taken.Read() is { } parameters
        && await clients.FindAsync(parameters["client_id"], cancellationToken) is { } client && client.Id == taken.ApplicationId
            ? (taken, client)
            : null;

    private Task<AuthorizationStep> ContinueAsync(
        TakenRequest taken, Client client, HttpContext context, bool mayAsk, bool isDirect, CancellationToken cancellationToken) =>
        NextAsync(client, taken.Read()!, taken, taken.Parameters, context, mayAsk, isDirect, cancellationToken);

    private async Task<AuthorizationStep> NextAsync(
        Client client, ProtocolParameters parameters, TakenRequest? taken, string query, HttpContext context, bool mayAsk, bool isDirect,
        CancellationToken cancellationToken)
    {
        // 1. The request.
        if (ReadAuthorizationRequest.FindReturn(client, parameters) is not { } leadsBack)
        {
            return UnknownAddress;
        }

        if (client.RequirePushedRequests && taken is not { IsPushed: true })
        {
            return Error("invalid_request", "The application must push its requests");
        }

        if (taken is null && parameters["request_uri"] is not null)
        {
            return Back(leadsBack.Error(OAuthError.RequestUriNotSupported, mesh.Value.Issuer), isDirect);
        }

        var (request, refusal) = readRequest.Run(client, leadsBack, parameters);
        if (request is null)
        {
            return Back(leadsBack.Error(refusal!, mesh.Value.Issuer), isDirect);
        }

        // 2. The user.
        var isSilent = request.Prompts("none");
        var found = await FindUserAsync(context.User, client, cancellationToken);
        if (request.Hint is { } hint
            && (await idTokens.ReadAsync(hint) is not { } hinted || (found is not null && hinted.UserId != found.Id)))
        {
            return Error("login_required", "Another user is signed in, or the hint is no token of this server");
        }

        if (found is null)
        {
            return isSilent
                ? Error("login_required", "Nobody is signed in")
                : await KeepForAsync(id => new AuthorizationStep.SignIn(id, request.LoginHint));
        }

        if (NeedsProof(request, found, taken))
        {
            return isSilent
                ? Error("login_required", "The sign-in is too old or too weak")
                : await KeepForAsync(id => new AuthorizationStep.Confirm(id));
        }

        // 3. Consent.
        if (mayAsk && NeedsConsent(request, found))
        {
            return !isSilent ? await KeepForAsync(id => new AuthorizationStep.Ask(id, request, found.Username))
                : request.IsAlwaysAsked ? Error("interaction_required", "The user is asked each time")
                : Error("consent_required", "The user has not allowed this yet");
        }

        // 4. The code.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await UserLock.TakeAsync(db, found.Id, cancellationToken); // the code sees a consent that is withdrawn just now
        if (taken is not null && !await storedRequests.FinishAsync(taken.Id, cancellationToken))
        {
            return Over; // answered in another window
        }

        if (await issueCode.RunAsync(request, Caller.Of(context.User), cancellationToken) is not { } code)
        {
            return Error("login_required", "The sign-in or the consent has just ended");
        }

        await transaction.CommitAsync(cancellationToken);
        return Back(leadsBack.With(mesh.Value.Issuer, ("code", code)), isDirect);

        AuthorizationStep Error(string error, string description) =>
            Back(leadsBack.Error(error, description, mesh.Value.Issuer), isDirect);
        async Task<AuthorizationStep> KeepForAsync(Func<string, AuthorizationStep> page)
        {
            (taken, var busy) = taken is null ? await storedRequests.KeepAsync(client, query, context, cancellationToken) : (taken, null);
            return taken is null ? Error(Busy, busy!.Message) : page(taken.Id);
        }
    }

    private async Task<FoundUser?> FindUserAsync(ClaimsPrincipal user, Client client, CancellationToken cancellationToken) =>
        Caller.Find(user) is { } caller
        && await db.Database.SqlQueryRaw<FoundUser>(FindUser, [.. caller.Parameters, new NpgsqlParameter("application", client.Id)])
            .ToListAsync(cancellationToken) is [var found] ? found : null;

    // A proof since the browser came counts, whatever it proved: the account may be able to prove no more.
    private static bool NeedsProof(AuthorizationRequest request, FoundUser user, TakenRequest? taken)
    {
        var proof = ProvedMethods.Read(user.Methods);
        return !(taken is not null && proof.At >= taken.TakenAt)
            && (request.Prompts("login")
                || (request.MaxAge is { } seconds && (user.Now - proof.At).TotalSeconds > seconds)
                || (request.WantsTwoFactors && proof.Assurance != Assurance.TwoFactors && user.CanProveTwo));
    }

    private static bool NeedsConsent(AuthorizationRequest request, FoundUser user) =>
        request.IsAlwaysAsked || request.Prompts("consent") || request.Prompts("select_account")
        || (request.Client.RequireConsent && request.Scopes.Except(user.Consented ?? [], StringComparer.Ordinal).Any());

    private sealed record FoundUser(Guid Id, string Username, string Methods, DateTimeOffset Now, bool CanProveTwo, string[]? Consented);
}
