using System.Security.Cryptography;
using AuthMesh.Access;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Operator;

/// <summary>The section <c>Identity:FirstAdmin</c>: the admin that the service creates if none exists.</summary>
public sealed class FirstAdminOptions
{
    public string Username { get; set; } = "admin";

    /// <summary>A file with the password. If it is unset, the service generates a password.</summary>
    public string PasswordFile { get; set; } = "";

    /// <summary>
    /// The file for a generated password, readable only by the service's own user. A relative path starts at the working directory.
    /// </summary>
    public string GeneratedPasswordFile { get; set; } = "first-admin-password";

    internal void Check(SettingProblems problems, PasswordRules rules)
    {
        var usernameFault = Users.Username.FindFault(Username);
        problems.Unless(usernameFault is null, "FirstAdmin:Username", usernameFault + ".");
        if (PasswordFile.Length > 0 && Secret.TryRead("", PasswordFile, "FirstAdmin:Password", problems) is { } password)
        {
            var fault = rules.FindFault(password, Username.Trim());
            problems.Unless(fault is null, "FirstAdmin:PasswordFile", $"names a file whose password {fault}.");
        }
    }
}

internal sealed partial class FirstAdmin(
    IdentityDb db, PasswordHashing passwords, IOptions<FirstAdminOptions> options, TimeProvider clock, ILogger<FirstAdmin> logger)
{
    private const int GeneratedLength = 24; // of 62 characters: 142 bits

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (await db.Users.AnyAsync(user => user.Role == Roles.Admin, cancellationToken))
        {
            return;
        }

        var settings = options.Value;
        var username = Username.TryParse(settings.Username)!;
        if (await db.Users.AnyAsync(user => user.NormalizedUsername == username.Normalized, cancellationToken))
        {
            throw new StartRefusedException(
                $"No admin exists yet, and the name {username.Value} already belongs to an ordinary user, whom a setting does not promote. "
                + "Set Identity:FirstAdmin:Username to another name.");
        }

        var isGenerated = settings.PasswordFile.Length == 0;
        var password = isGenerated ? GeneratePassword() : Secret.Read("", settings.PasswordFile);
        if (isGenerated)
        {
            KeepForOwner(settings.GeneratedPasswordFile, password); // before the row: if this fails, no admin with a lost password exists
        }

        db.Users.Add(User.Create(username, passwords.Hash(password), clock.GetUtcNow(), Roles.Admin));
        await db.SaveChangesAsync(cancellationToken);
        LogCreated(username.Value, Path.GetFullPath(isGenerated ? settings.GeneratedPasswordFile : settings.PasswordFile));
    }

    public static string GeneratePassword() =>
        RandomNumberGenerator.GetString("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", GeneratedLength);

    private static void KeepForOwner(string path, string password)
    {
        try
        {
            File.Delete(path); // a leftover file may be readable by others, or be a link
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            }

            using var writer = new StreamWriter(path, options);
            writer.WriteLine(password);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new StartRefusedException(
                $"No admin exists yet, and the service cannot store a generated password: {exception.Message} Set "
                + "Identity:FirstAdmin:PasswordFile to a file with a password, or Identity:FirstAdmin:GeneratedPasswordFile to a writable "
                + "path.");
        }
    }

    [LoggerMessage(LogLevel.Warning, "Created the first admin {Username}; the password is in {File}")]
    private partial void LogCreated(string username, string file);
}
