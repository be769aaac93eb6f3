using AuthMesh.Samples.Worker;
using AuthMesh.Services;
using Microsoft.Extensions.Options;

var builder = Host.CreateApplicationBuilder(args);
builder.Services.AddOptions<StockOptions>().BindConfiguration("Stock");
builder.Services
    .AddHttpClient<Stock>((services, http) =>
    {
        http.BaseAddress = services.GetRequiredService<IOptions<StockOptions>>().Value.Url;
        http.Timeout = TimeSpan.FromSeconds(10);
    })
    .AddAuthMeshToken("stock.read");
builder.Services.AddHostedService<WatchStock>();

await builder.Build().RunAsync();
