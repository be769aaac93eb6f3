using System.Security.Cryptography;
using AuthMesh.Client.Accounts;

namespace AuthMesh.Client.Tour;

/// <summary>The steps in order: what a newcomer should see the mesh grant and refuse.</summary>
internal static class Itinerary
{
    public static IReadOnlyList<Step> For(Credentials admin)
    {
        // Each run uses a new name, so that the tour can run again on the same data.
        var user = new Credentials($"tour-{Random(8)}", Random(24));
        var wrong = user with { Password = "not-the-password" };
        var (name, boss) = (user.Username, admin.Username);
        var secondFactor = Refusal(401, "Enter a code of your authenticator app, or use another way", "second_factor_required");
        var invalidToken = Refusal(401, "Invalid or expired token", "invalid_token");

        return
        [
            new("A new user registers", Post("/register", user), Ok($"User {name} registered successfully")),
            new("The same name again is refused", Post("/register", user), Refusal(409, "Username already exists", "username_taken")),
            new("The user logs in and gets a token", Post("/login", user), Ok($"Welcome {name}!")),
            new("The token opens the protected data", Get("/protected", new Bearer(name)), Viewing(name, "user")),
            new("The admin panel stays closed", Get("/admin", new Bearer(name)), Refusal(403, "Admin access required", "forbidden")),
            new("A wrong password is refused", Post("/login", wrong), Refusal(401, "Invalid credentials", "invalid_credentials")),
            new("A request without a token is refused", Get("/protected"), Refusal(401, "Missing or invalid token", "missing_token")),
            new("A token changed to say \"admin\" fails the signature check", Get("/admin", new Bearer(name, Carried.ForgedToken)),
                invalidToken),
            new("The refresh token gives a new token", Post("/refresh", new Bearer(name, Carried.RefreshToken)),
                Ok($"Welcome {name}!") with { BringsNewToken = true }),
            new("The new token opens the protected data", Get("/protected", new Bearer(name)), Viewing(name, "user")),
            new("The cookie alone opens it, as in a browser", Get("/protected", new Bearer(name, Carried.Cookie)), Viewing(name, "user")),
            new("A second factor is set up", Post("/account/totp", new Bearer(name)),
                Ok("Add the secret to your authenticator app, and confirm its first code")),
            new("Its first code turns it on", Post("/account/totp/confirm", new Bearer(name), TypedCode.Next),
                Ok("Your authenticator app is on")),
            new("The password alone signs in no longer", Post("/login", user), secondFactor),
            new("A wrong code is refused", Post("/login/totp", name, TypedCode.Wrong),
                Refusal(401, "The code is wrong, or was used before", "wrong_code")),
            new("The right code signs in", Post("/login/totp", name, TypedCode.Next), Ok($"Welcome {name}!")),
            new("Without the app, again the password", Post("/login", user), secondFactor),
            new("A recovery code signs in once", Post("/login/recovery-code", name, TypedCode.Recovery), Ok($"Welcome {name}!")),
            new("The user removes the second factor", new("DELETE", "/account/totp", Bearer: new Bearer(name)),
                Ok("Authenticator app removed")),
            new("The password alone signs in again", Post("/login", user), Ok($"Welcome {name}!")),
            new("A live stream opens", new("GET", "/events", Bearer: new Bearer(name), Stream: StreamPart.Open),
                Ok($"You are watching as {name}")),
            new("The user logs out", Post("/logout", new Bearer(name)), Ok("Logged out successfully")),
            new("Within a second the stream is cut", new("GET", "/events", Bearer: new Bearer(name), Stream: StreamPart.End),
                OnceHeard(Ok(Walk.StreamIsCut))),
            new("Within a second the token is refused", Get("/protected", new Bearer(name)), OnceHeard(invalidToken)),
            new("The cookie is refused too", Get("/protected", new Bearer(name, Carried.Cookie)), OnceHeard(invalidToken)),
            new("The refresh token gives no new token", Post("/refresh", new Bearer(name, Carried.RefreshToken)),
                Refusal(401, "Invalid or expired refresh token", "invalid_refresh_token")),
            new("An admin logs in", Post("/login", admin), Ok($"Welcome {boss}!")),
            new("An admin sees the protected data too", Get("/protected", new Bearer(boss)), Viewing(boss, "admin")),
            new("The admin panel opens for an admin", Get("/admin", new Bearer(boss)), Ok($"Welcome to the admin panel, {boss}!")),
        ];
    }

    private static string Random(int length) => RandomNumberGenerator.GetHexString(length, lowercase: true);

    private static StepRequest Post(string path, Credentials credentials) => new("POST", path, Credentials: credentials);

    private static StepRequest Post(string path, Bearer bearer) => new("POST", path, Bearer: bearer);

    private static StepRequest Post(string path, Bearer bearer, TypedCode code) => new("POST", path, Bearer: bearer, Code: code);

    private static StepRequest Post(string path, string name, TypedCode code) =>
        new("POST", path, Bearer: new Bearer(name, Carried.LoginToken), Code: code);

    private static StepRequest Get(string path, Bearer? bearer = null) => new("GET", path, Bearer: bearer);

    private static Expectation Ok(string message) => new(200, message);

    private static Expectation Viewing(string name, string role) => new(200, $"You are viewing protected content, {name}!", Role: role);

    // The replica that ended the session knows at once. The revocation must still reach every other replica that checks tokens by itself.
    private static Expectation OnceHeard(Expectation refusal) => refusal with { Within = TimeSpan.FromSeconds(1) };

    private static Expectation Refusal(int status, string message, string code) => new(status, message, code);
}
