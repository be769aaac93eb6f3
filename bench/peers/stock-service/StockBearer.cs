using Microsoft.IdentityModel.Tokens;

/// <summary>JwtBearer as in its documentation.</summary>
internal static class StockBearer
{
    public static async Task AddStockBearerAsync(this WebApplicationBuilder builder)
    {
        using var http = new HttpClient();
        var keys = new JsonWebKeySet(await http.GetStringAsync(new Uri(builder.Configuration["Keys"]!)));
        builder.Services.AddAuthentication().AddJwtBearer(bearer =>
        {
            bearer.TokenValidationParameters.ValidIssuer = builder.Configuration["Issuer"];
            bearer.TokenValidationParameters.ValidAudience = "authmesh";
            bearer.TokenValidationParameters.IssuerSigningKeys = keys.GetSigningKeys();
            bearer.MapInboundClaims = false;
        });
        builder.Services.AddAuthorization();
    }
}
