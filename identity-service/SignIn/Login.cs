using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Tokens;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SignIn;

public sealed record LoginRequest(
    [property: JsonConverter(typeof(AnyTextConverter))] string? Username = null,
    [property: JsonConverter(typeof(AnyTextConverter))] string? Password = null);

internal static partial class Login
{
    // One answer for every reason, so that it tells nobody which names exist (OWASP Authentication Cheat Sheet).
    private static readonly Failure InvalidCredentials = new(StatusCodes.Status401Unauthorized, "invalid_credentials", "Invalid credentials");

    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/login", HandleAsync).AllowAnonymous();

    private static async Task<Results<Ok<SignInResponse>, Failure>> HandleAsync(
        LoginRequest request, HttpContext context, IdentityDb db, HashingLane lane, CallerAddress callerAddress, PasswordHashing passwords,
        Budgets budgets, VerifyGuess verifyGuess, StartSession startSession, KeyRing ring, AccessTokens tokens, SessionCookies cookies,
        DeviceCookies deviceCookies, ILogger<LoginRequest> logger, CancellationToken cancellationToken)
    {
        if (FindFault(request) is { } fault)
        {
            return fault;
        }

        // 1. A place in the lane, before anything is asked of the database. A device has its account's share, whatever name is typed on it.
        //    A text that is no name stays as it is: in lower case it could be the name of somebody, whom its guesses would count against.
        var username = Username.TryParse(request.Username!);
        var (account, network) = (username?.Normalized ?? request.Username!, callerAddress.NetworkOf(context));
        var device = deviceCookies.Find(context.Request);
        using var place = await lane.EnterAsync(
            new Applicant(network, device?.UserId.ToString() ?? account, IsKnownDevice: device is not null), cancellationToken);
        if (place is null)
        {
            return HashingLane.Full;
        }

        // 2. Whoever the name belongs to. A name that cannot exist is looked up all the same, as nobody's.
        var normalized = username?.Normalized ?? "";
        var user = await db.Users.AsNoTracking()
            .Where(user => user.NormalizedUsername == normalized)
            .Select(user => new { user.Id, user.Epoch, user.PasswordHash, IsDisabled = user.DisabledAt != null })
            .FirstOrDefaultAsync(cancellationToken);

        // 3. The guess is counted, then the same hash work whether or not there is such a user, and whether or not it may sign in.
        var knownDevice = user is not null && device?.IsFor(user.Id, user.Epoch) is true ? device : null;
        var passwordHash = user is { IsDisabled: false } ? user.PasswordHash : null;
        var (verdict, refusal) = await verifyGuess.RunAsync(
            place, budgets.ForLogin(account, network, knownDevice), user?.Id, request.Password!, passwordHash, cancellationToken);
        if (verdict is null)
        {
            return refusal!;
        }

        if (verdict.Fault is { } hashFault)
        {
            LogUnusableHash(logger, user!.Id, hashFault);
        }

        if (user is null || !verdict.IsMatch)
        {
            LogRefused(logger, user?.Id, user is null ? "unknown user" : user.IsDisabled ? "disabled" : "wrong password");
            return InvalidCredentials;
        }

        // 4. A hash of an older scheme or cost is replaced while the password is at hand; at the next login where there is no time.
        if (verdict.IsOutdated && await passwords.HashAsync(place, request.Password!) is { } upgraded)
        {
            await db.Users.Where(row => row.Id == user.Id && row.PasswordHash == user.PasswordHash)
                .ExecuteUpdateAsync(row => row.SetProperty(u => u.PasswordHash, upgraded), cancellationToken);
        }

        // 5. The session is written only if nothing about the user changed since the hash was read.
        if (await startSession.RunAsync(user.Id, user.Epoch, context, cancellationToken) is not var (session, cookie))
        {
            LogRefused(logger, user.Id, "the account changed while signing in");
            return InvalidCredentials;
        }

        LogSignedIn(logger, user.Id, session.Id);
        cookies.Set(context.Response, cookie);
        deviceCookies.Set(context.Response, user.Id, session.Epoch, knownDevice);
        return TypedResults.Ok(SignInResponse.Create(
            $"Welcome {session.Username}!", session, tokens.Mint(session.ForToken), RefreshToken.For(session, ring).ToText(ring)));
    }

    // Only what has no value at all is refused for its form; every value takes the path of a failed login.
    private static Failure? FindFault(LoginRequest request)
    {
        var errors = new Dictionary<string, string[]>();
        if (request.Username is null)
        {
            errors["username"] = ["is required"];
        }

        if (request.Password is null)
        {
            errors["password"] = ["is required"];
        }

        return errors.Count > 0 ? CommonFailures.InvalidRequest("Username and password are required", errors) : null;
    }

    [LoggerMessage(LogLevel.Information, "User {UserId} signed in with session {SessionId}")]
    private static partial void LogSignedIn(ILogger logger, Guid userId, Guid sessionId);

    [LoggerMessage(LogLevel.Error, "The stored password hash of user {UserId} cannot be used: {Reason}")]
    private static partial void LogUnusableHash(ILogger logger, Guid userId, string reason);

    [LoggerMessage(LogLevel.Information, "Login refused for user {UserId}: {Reason}")]
    private static partial void LogRefused(ILogger logger, Guid? userId, string reason);
}
