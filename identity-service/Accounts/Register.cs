using System.ComponentModel.DataAnnotations;
using AuthMesh.Errors;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Accounts;

public sealed record RegisterRequest(
    [property: Required] string? Username = null, [property: Required] string? Password = null, string? Email = null);

public sealed record RegisterResponse(string Status, string Message);

/// <summary>Creates an account. Its owner signs in with it afterwards. An address is only a claim until its owner proves it.</summary>
internal sealed class Register(
    IdentityDb db, HashingLane lane, CallerAddress callerAddress, PasswordRules rules, PasswordHashing passwords, Budgets budgets,
    Throttle throttle, MailVerification verification, IOptions<AccountOptions> options, TimeProvider clock, SecurityEvents events)
{
    public static readonly Failure UsernameTaken = new(StatusCodes.Status409Conflict, "username_taken", "Username already exists");

    public static readonly Failure Closed = new(
        StatusCodes.Status403Forbidden, "registration_closed", "Nobody can register here");

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/register", (RegisterRequest request, HttpContext context, Register register, CancellationToken cancellationToken) =>
            register.RunAsync(request, context, cancellationToken)).AllowAnonymous()
        .ProducesFailure(UsernameTaken, Closed, MailVerification.NotConfigured);

    public async Task<Results<Ok<RegisterResponse>, Failure>> RunAsync(
        RegisterRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (options.Value.Registration != RegistrationMode.Open)
        {
            return Closed;
        }

        if (FindFault(request) is { } fault)
        {
            return fault;
        }

        if (request.Email is not null && !verification.IsPossible)
        {
            return MailVerification.NotConfigured;
        }

        // 1. Take a place in the hashing lane before the first database query.
        var username = Username.TryParse(request.Username!)!;
        var network = callerAddress.NetworkOf(context);
        using var place = await lane.EnterAsync(
            new Applicant(network, username.Normalized, IsKnownDevice: false), cancellationToken);
        if (place is null)
        {
            return HashingLane.Full;
        }

        // 2. Draw on the network's own budget. A taken name draws on it too, because the answer reveals that the name exists.
        var (reservation, refusal, _) = await throttle.ReserveAsync(budgets.ForRegistration(network), cancellationToken);
        if (reservation is null)
        {
            return refusal!;
        }

        // 3. Look the name up first, so that a taken name costs no hash. Another account's proved address is taken, too: a sign-in with it
        //    means that account.
        if (await db.Users.AnyAsync(
            user => user.NormalizedUsername == username.Normalized || user.NormalizedEmail == username.Normalized, cancellationToken))
        {
            return UsernameTaken;
        }

        // 4. Hash and insert. The unique index decides between concurrent registrations of one name.
        if (await passwords.HashAsync(place, request.Password!) is not { } passwordHash)
        {
            await reservation.GiveBackAsync();
            return HashingLane.Full;
        }

        var address = request.Email is { } typed ? EmailAddress.TryParse(typed) : null;
        var isMailed = address is not null
            && (await throttle.ReserveAsync(budgets.ForMail(address.Value, network), cancellationToken)).Reservation is not null;
        var user = User.Create(username, passwordHash, clock.GetUtcNow(), requestedEmail: address);
        db.Users.Add(user);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException exception) when (
            exception.InnerException is PostgresException
            {
                SqlState: PostgresErrorCodes.UniqueViolation,
                ConstraintName: UserMapping.UniqueUsername
            })
        {
            return UsernameTaken;
        }

        // 5. Mail the address, in the same transaction. Without room in the budget, the owner asks again after the sign-in.
        if (isMailed)
        {
            await verification.AddAsync(user.Id, address!, context, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.UserRegistered(user.Id), context);
        return TypedResults.Ok(new RegisterResponse("success", $"User {user.Username} registered successfully"));
    }

    private Failure? FindFault(RegisterRequest request)
    {
        var errors = new Dictionary<string, string[]>();
        if (string.IsNullOrEmpty(request.Username))
        {
            errors["username"] = ["is required"];
        }

        if (string.IsNullOrEmpty(request.Password))
        {
            errors["password"] = ["is required"];
        }

        if (errors.Count > 0)
        {
            return CommonFailures.InvalidRequest("Username and password are required", errors);
        }

        if (Username.FindFault(request.Username!) is { } usernameFault)
        {
            errors["username"] = [usernameFault];
        }

        var name = Username.TryParse(request.Username!)?.Value ?? request.Username!;
        if (rules.FindFault(request.Password!, name, request.Email) is { } passwordFault)
        {
            errors["password"] = [passwordFault];
        }

        if (request.Email is not null && EmailAddress.TryParse(request.Email) is null)
        {
            errors["email"] = [EmailAddress.Rule];
        }

        return errors.Count > 0 ? CommonFailures.InvalidRequest(errors) : null;
    }
}
